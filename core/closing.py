"""The end of a run: its predictions counted, its figures stored, its status final."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, exists, func, null, select
from sqlalchemy.orm import Session, aliased

from core import runs, sheets
from core.paging import Key, Slice, fetch
from core.progress import pending
from core.rules import parsing
from core.rules.classes import Classes
from core.rules.scoring import Cell, Metrics, score
from core.rules.specs import DatasetSpec
from core.rules.states import Status
from core.tables import Dataset, Model, Prediction, Request, Run, Sample, Score
from core.vocabulary import Origin, Task


def close(session: Session, run_id: UUID, *, now: datetime) -> bool:
    """Store a finished run's metrics and end it; with neither answer nor refusal it failed.

    Returns whether it was still to be ended.
    """
    run = runs.get(session, run_id)
    useless = run.answered + run.refused + run.unparsed == 0
    target = Status.FAILED if useless else Status.COMPLETED
    reason = _last_reason(session, run_id) if useless else None
    moved = runs.move(session, run_id, target, reason=reason, now=now)
    if moved:
        store(session, run, now=now)
    return moved


def store(session: Session, run: Run, *, now: datetime) -> None:
    """Store a run's metrics as they are now, as its first scoring."""
    session.add(
        Score(
            run_id=run.id,
            scored_at=now,
            parser=parser_of(run),
            metrics=metrics(session, run).model_dump(mode="json"),
            sheet=sheet(session, run),
        )
    )


def sheet(session: Session, run: Run) -> bytes:
    """Return a run's predictions as they are now, as they are stored with a scoring."""
    labels = session.get_one(Dataset, run.dataset_id).spec["labels"]
    return sheets.now(session, [run.id], labels)[run.id].to_bytes()


def parser_of(run: Run) -> int | None:
    """Return the version of the parser that a run's answers are read by; None of published ones."""
    return None if run.origin is Origin.PUBLISHED else parsing.VERSION


def _last_reason(session: Session, run_id: UUID) -> str | None:
    """Return what the last request to fail said."""
    return session.scalar(
        select(Request.reason)
        .where(Request.run_id == run_id, Request.reason.is_not(None))
        .order_by(Request.id.desc())
        .limit(1)
    )


def metrics(session: Session, run: Run) -> Metrics:
    """Return a run's figures, counted from its predictions as they are now.

    While it runs they are over the samples that have ended; the rest is `pending`.
    """
    dataset = session.get_one(Dataset, run.dataset_id)
    spec = DatasetSpec.model_validate(dataset.spec)
    figures = score(_cells(session, run, spec), labels=spec.classes, rules=spec.scoring)
    return figures.model_copy(update={"samples": run.samples, "pending": pending(run)})


def stored(session: Session, run: Run) -> Metrics:
    """Return a run's figures: as they were last stored, else as they are now."""
    found = newest(session, run)
    return metrics(session, run) if found is None else Metrics.model_validate(found.metrics)


def newest(session: Session, run: Run) -> Score | None:
    """Return the newest stored scoring of a run; None where it has not ended."""
    return session.scalar(select(Score).where(Score.run_id == run.id, is_newest()))


def is_newest() -> ColumnElement[bool]:
    """Return the condition that a row of `scores` is the newest of its run."""
    later = aliased(Score)
    return ~exists().where(later.run_id == Score.run_id, later.version > Score.version)


def versions(session: Session, run: Run, *, after: Key | None, limit: int) -> Slice[Score]:
    """Return a page of a run's scorings, the newest first."""
    query = select(Score).where(Score.run_id == run.id)
    return fetch(session, query, (Score.version,), after=after, limit=limit, newest_first=True)


def _cells(session: Session, run: Run, spec: DatasetSpec) -> Iterator[Cell]:
    """Yield the tally of a run's predictions, by class."""
    classes = Classes.of(spec)
    known = case((Prediction.in_vocabulary.is_(True), Prediction.label), else_=null())
    number = Sample.target_number
    sign = case((number > 0, 1), (number < 0, -1), (number == 0, 0), else_=null())
    said = (Prediction.outcome, known, Prediction.in_vocabulary, Prediction.rank)
    key = (Sample.target, sign, *said)
    rows = session.execute(
        select(*key, func.count())
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run.id)
        .group_by(*key)
    )
    for target, signed, outcome, label, in_vocabulary, rank, count in rows:
        yield Cell(
            classes.of_target(target, signed),
            outcome,
            None if label is None else classes.labels[label],
            in_vocabulary,
            rank,
            count,
        )


def page(
    session: Session,
    *,
    after: Key | None,
    limit: int,
    dataset: str | None = None,
    task: Task | None = None,
    model: str | None = None,
    job_id: UUID | None = None,
    origin: Origin | None = None,
) -> Slice[Run]:
    """Return a page of the runs whose metrics are stored, the latest submitted first."""
    query = (
        select(Run)
        .where(exists().where(Score.run_id == Run.id))
        .join(Dataset, Dataset.id == Run.dataset_id)
        .outerjoin(Model, Model.id == Run.model_id)
    )
    for column, wanted in (
        (Dataset.name, dataset),
        (Dataset.task, task),
        (func.coalesce(Model.name, Run.system), model),
        (Run.job_id, job_id),
        (Run.origin, origin),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    order = (Run.created_at, Run.id)
    return fetch(session, query, order, after=after, limit=limit, newest_first=True)
