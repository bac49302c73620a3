"""The rows of an export: predictions with all that tells what they are of, batch by batch."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import datasets, jobs, progress, runs
from core.db import Database
from core.progress import RunDetail
from core.tables import Prediction, Sample

BATCH = 2000
"""Predictions read at once: a few MB."""

CONDITION = ("modality", "template", "frames", "color", "detail")
"""What of a condition has a column of its own."""

OF_SAMPLE = {
    "sample_id": Prediction.sample_id,
    "sample": Sample.name,
    "target": Sample.target,
    "target_number": Sample.target_number,
    "outcome": Prediction.outcome,
    "label": Prediction.label,
    "in_vocabulary": Prediction.in_vocabulary,
    "ranked": Prediction.ranked,
    "rank": Prediction.rank,
    "slot": Prediction.slot,
    "batch": Prediction.batch,
    "request_id": Prediction.request_id,
    "attempt_id": Prediction.attempt_id,
}

COLUMNS = ("run_id", "dataset", "model", *CONDITION, "repeat", *OF_SAMPLE)
"""Of every export: a file tells by itself what it is of."""

Row = tuple[Any, ...]
"""Values in the order of COLUMNS, as JSON values."""


def of_run(session: Session, run_id: UUID) -> list[RunDetail]:
    """Return the one run that is exported. Raises NotFound."""
    return progress.of_runs(session, [runs.get(session, run_id)])


def of_job(session: Session, job_id: UUID) -> list[RunDetail]:
    """Return the runs of a job that are exported. Raises NotFound."""
    job = jobs.get(session, job_id)
    return progress.of_runs(session, jobs.runs_of(session, [job.id]))


def batches(database: Database, details: Sequence[RunDetail]) -> Iterator[list[Row]]:
    """Yield the predictions of some runs, each in the order of its dataset.

    No transaction lasts longer than a batch: a slow reader holds up nobody. So the file of a run
    that is under way, or scored anew meanwhile, is no state of one moment.
    """
    for detail in details:
        after: int | None = None
        while True:
            with database.read() as session:
                found = _batch(session, detail, after)
            if found:
                yield found
            if len(found) < BATCH:
                break
            after = found[-1][COLUMNS.index("sample_id")]


def _batch(session: Session, detail: RunDetail, after: int | None) -> list[Row]:
    """Return the predictions of a run that follow a sample."""
    query = (
        select(*OF_SAMPLE.values())
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == detail.run.id)
        .order_by(Prediction.sample_id)
        .limit(BATCH)
    )
    if after is not None:
        query = query.where(Prediction.sample_id > after)
    of = _identity(detail)
    return [(*of, *row) for row in session.execute(query)]


def _identity(detail: RunDetail) -> Row:
    """Return what is the same in all rows of a run."""
    run = detail.run
    condition = (run.condition.get(name) for name in CONDITION)
    return (str(run.id), datasets.version(detail.dataset), detail.model, *condition, run.repeat)
