"""Which runs an analysis is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from core import progress
from core.errors import InvalidInput, NotFound
from core.progress import RunDetail
from core.rules.states import Status
from core.tables import Dataset, Model, Run
from core.vocabulary import Task

Row = TypeVar("Row")

model_name: ColumnElement[str | None] = func.coalesce(Model.name, Run.system)
"""The name of a run's model, or of the system that a published one came from."""

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
    found = session.scalars(matching(select(Run), selection)).all()
    bounded(selection, [run.id for run in found])
    return sorted(progress.of_runs(session, found), key=_order)


def matching(query: Select[Row], selection: Selection) -> Select[Row]:
    """Return a query over runs for those that are selected, with their datasets and models.

    At most one more than `MAX_RUNS`: `bounded` refuses that one.
    """
    query = query.select_from(Run).join(Dataset, Dataset.id == Run.dataset_id)
    query = query.outerjoin(Model, Model.id == Run.model_id)
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
    if selection.model is not None:
        query = query.where(model_name == selection.model)
    return query.limit(MAX_RUNS + 1)


def bounded(selection: Selection, found: Sequence[UUID]) -> None:
    """Raise InvalidInput for too many runs, and NotFound for a named one that does not exist."""
    if len(found) > MAX_RUNS:
        raise InvalidInput(f"more than {MAX_RUNS} runs: choose by job, dataset, model or task")
    alone = not (selection.job or selection.dataset or selection.model or selection.task)
    missing = set(selection.runs) - set(found)
    if missing and alone:
        raise NotFound(f"no run {min(missing)}; GET /v1/runs lists them")


def by_dataset(details: Sequence[RunDetail]) -> list[list[RunDetail]]:
    """Return the runs of each dataset version together."""
    groups: dict[UUID, list[RunDetail]] = {}
    for detail in details:
        groups.setdefault(detail.dataset.id, []).append(detail)
    return list(groups.values())


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
