"""The tables of the database."""

from core.tables.access import ApiKey, AuditEntry
from core.tables.batches import Batch
from core.tables.inputs import Dataset, Model, Sample, Template
from core.tables.results import Attempt, KeptAnswer, Prediction, Score
from core.tables.sign_ins import SignIn
from core.tables.teams import JobSpend, ModelSpend, Team, TeamSpend
from core.tables.work import Job, Request, Run
from core.tables.workers import Standing, Worker

__all__ = [
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "Batch",
    "Dataset",
    "Job",
    "JobSpend",
    "KeptAnswer",
    "Model",
    "ModelSpend",
    "Prediction",
    "Request",
    "Run",
    "Sample",
    "Score",
    "SignIn",
    "Standing",
    "Team",
    "TeamSpend",
    "Template",
    "Worker",
]
