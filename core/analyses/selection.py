"""Which runs an analysis is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import progress
from core.errors import InvalidInput, NotFound
from core.progress import RunDetail
from core.rules.states import Status
from core.tables import Dataset, Run
from core.vocabulary import Task

MAX_RUNS = 2000
"""Runs of one analysis; more are refused, not cut off."""


@dataclass(frozen=True)
class Selection:
    """Runs by id, or by what they are about; filters that are None let everything pass."""

    runs: tuple[UUID, ...] = ()
    job: UUID | None = None
    dataset: str | None = None
    """Name, or name@digest, of whose digest a beginning is enough."""
    model: str | None = None
    task: Task | None = None


def chosen(session: Session, selection: Selection) -> list[RunDetail]:
    """Return the selected runs by dataset, model, condition, batch size and repeat.

    Runs that are named may stand anywhere; filters alone choose those that completed, so that no
    half-done run slips into a comparison. Raises NotFound for a run that does not exist.
    """
    query = select(Run).join(Dataset, Dataset.id == Run.dataset_id)
    if selection.runs:
        query = query.where(Run.id.in_(selection.runs))
    else:
        query = query.where(Run.status == Status.COMPLETED)
    if selection.job is not None:
        query = query.where(Run.job_id == selection.job)
    if selection.task is not None:
        query = query.where(Dataset.task == selection.task)
    if selection.dataset is not None:
        name, _, digest = selection.dataset.partition("@")
        beginning = Dataset.digest.startswith(digest.lower(), autoescape=True)
        query = query.where(Dataset.name == name, beginning)
    found = session.scalars(query.limit(MAX_RUNS + 1)).all()
    if len(found) > MAX_RUNS:
        raise InvalidInput(f"more than {MAX_RUNS} runs: choose by job, dataset, model or task")
    details = progress.of_runs(session, found)
    _refuse_unknown(selection, details)
    if selection.model is not None:
        details = [detail for detail in details if detail.model == selection.model]
    return sorted(details, key=_order)


def by_dataset(details: Sequence[RunDetail]) -> list[list[RunDetail]]:
    """Return the runs of each dataset version together."""
    groups: dict[UUID, list[RunDetail]] = {}
    for detail in details:
        groups.setdefault(detail.dataset.id, []).append(detail)
    return list(groups.values())


def _refuse_unknown(selection: Selection, details: Sequence[RunDetail]) -> None:
    if selection.runs and not (selection.job or selection.dataset or selection.task):
        missing = set(selection.runs) - {detail.run.id for detail in details}
        if missing:
            raise NotFound(f"no run {min(missing)}; GET /v1/runs lists them")


def _order(detail: RunDetail) -> tuple[str, str, str, str, str, int, int, str]:
    run = detail.run
    return (
        detail.dataset.task,
        detail.dataset.name,
        detail.dataset.digest,
        detail.model,
        str(sorted(run.condition.items(), key=lambda item: item[0])),
        run.batch_size,
        run.repeat,
        str(run.id),
    )
