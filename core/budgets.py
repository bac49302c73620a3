"""Budgets of jobs: declared and changed. `core.spending` holds calls to them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import teams
from core.rules.budgets import Budget, check_prices
from core.rules.money import nano
from core.rules.submissions import Submission
from core.tables import Job, Model, Run

BOUNDS = {"budget_usd", "budget_requests"}


def of_job(job: Job) -> Budget:
    """Return what a job may spend."""
    return Budget(job.budget_nano, job.budget_requests)


def assign(session: Session, job: Job, runs: Iterable[Run], submission: Submission) -> None:
    """Set what a new job may spend.

    Raises InvalidInput for a budget in dollars, of the job or of its team, that cannot be held.
    """
    team = teams.get(session, job.team_id)
    if team.monthly_budget_nano is not None:
        check_prices(_unpriced(session, runs), f"team {team.name}'s")
    change(session, job, runs, submission.model_dump(include=BOUNDS))


def change(session: Session, job: Job, runs: Iterable[Run], changed: Mapping[str, Any]) -> None:
    """Set `budget_usd`, `budget_requests`, or both, of a job; None is no bound.

    Calls that are sent from now on are held to it; what is paused stays so until it is resumed.
    Raises InvalidInput as `assign` does.
    """
    usd = changed.get("budget_usd")
    if usd is not None:
        check_prices(_unpriced(session, runs), "a")
    if "budget_usd" in changed:
        job.budget_nano = None if usd is None else nano(usd)
    if "budget_requests" in changed:
        job.budget_requests = changed["budget_requests"]


def _unpriced(session: Session, runs: Iterable[Run]) -> list[str]:
    """Return the models of some runs that have no prices."""
    ids = {run.model_id for run in runs}
    found = session.scalars(select(Model).where(Model.id.in_(ids)).order_by(Model.name))
    return [model.name for model in found if model.spec["prices"] is None]
