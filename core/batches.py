"""Batches: rows that lease requests as a worker would, moved on step by step by who holds them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, Select, and_, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from core.paging import Key, Slice, fetch
from core.rules.batches import (
    ENDED_BATCH,
    MAX_BARREN,
    MAX_LINES,
    TOO_MUCH,
    BatchState,
    Ending,
    allowed_lines,
    batch_sources,
)
from core.rules.states import RequestState, Status
from core.tables import Batch, Request, Run
from core.vocabulary import Dispatch


def gatherable(session: Session, *, now: datetime) -> list[tuple[UUID, UUID]]:
    """Return the jobs and models that a file can be made for now.

    Not before all of a job's runs are planned, so that files are full; one file at a time.
    """
    waiting = exists().where(
        Request.run_id == Run.id,
        Request.state == RequestState.WAITING,
        Request.not_before <= now,
    )
    other = aliased(Run)
    unplanned = exists().where(
        other.job_id == Run.job_id,
        other.model_id == Run.model_id,
        other.status.in_((Status.QUEUED, Status.RUNNING)),
        other.planned < other.samples,
    )
    filling = exists().where(
        Batch.job_id == Run.job_id,
        Batch.model_id == Run.model_id,
        Batch.state.in_((BatchState.PREPARING, BatchState.UPLOADING)),
    )
    rows = session.execute(
        select(Run.job_id, Run.model_id)
        .where(
            Run.dispatch == Dispatch.BATCH,
            Run.status == Status.RUNNING,
            Run.canary_passed_at.is_not(None),
            or_(Run.rests_until.is_(None), Run.rests_until <= now),
            waiting,
            ~unplanned,
            ~filling,
        )
        .distinct()
    )
    return [(job, model) for job, model in rows if job is not None and model is not None]


def due(session: Session, *, now: datetime) -> list[UUID]:
    """Return the batches with a step to do now that nobody is doing.

    One whose job wants it no more is due at once: a cancel does not wait for the next look.
    """
    unwanted = and_(
        Batch.state == BatchState.SUBMITTED, Batch.cancel_asked_at.is_(None), ~_wanted()
    )
    found = session.scalars(
        select(Batch.id)
        .where(
            Batch.poll_at.is_not(None),
            or_(Batch.held_until.is_(None), Batch.held_until < now),
            or_(Batch.poll_at <= now, unwanted),
        )
        .order_by(Batch.poll_at)
    )
    return list(found)


def some_open() -> ColumnElement[bool]:
    """Return whether a batch is under way; it may outlast its runs by a step."""
    return exists().where(Batch.poll_at.is_not(None))


def _wanted() -> Exists:
    """Return the condition that a run of a batch's job still runs."""
    return exists().where(
        Run.job_id == Batch.job_id, Run.model_id == Batch.model_id, Run.status == Status.RUNNING
    )


def is_wanted(session: Session, batch_id: UUID) -> bool:
    """Tell whether a run of a batch's job still runs."""
    return session.scalar(select(_wanted()).where(Batch.id == batch_id)) is True


def begin(
    session: Session,
    job_id: UUID,
    model_id: UUID,
    *,
    credential: str,
    base_url: str,
    token: str,
    until: datetime,
    now: datetime,
) -> Batch | None:
    """Open a batch for a job and a model, held; None when somebody else is filling one."""
    batch = Batch(
        job_id=job_id,
        model_id=model_id,
        credential=credential,
        base_url=base_url,
        allowed=_allowed(session, job_id, model_id),
        created_at=now,
        poll_at=now,
        held_by=token,
        held_until=until,
    )
    try:
        with session.begin_nested():
            session.add(batch)
    except IntegrityError:
        return None
    return batch


def _allowed(session: Session, job_id: UUID, model_id: UUID) -> int:
    """Return how many lines the next batch may have, by what became of the last that is over."""
    over = _latest(job_id, model_id).where(Batch.ending.is_not(None))
    last = session.scalars(over.limit(1)).first()
    if last is None:
        return MAX_LINES
    if was_too_much(last):
        # It may have had fewer lines than it was allowed.
        return allowed_lines(max(1, min(last.allowed, last.lines)), fitted=False)
    return allowed_lines(last.allowed, fitted=last.ending is Ending.COMPLETED or None)


def was_too_much(batch: Batch) -> bool:
    """Tell whether a batch failed since it was more than may be enqueued."""
    return batch.ending is Ending.FAILED and (batch.reason or "").startswith(TOO_MUCH)


def _latest(job_id: UUID, model_id: UUID) -> Select[Batch]:
    """Return the query for a job's batches of a model, the latest first."""
    return (
        select(Batch)
        .where(Batch.job_id == job_id, Batch.model_id == model_id)
        .order_by(Batch.created_at.desc(), Batch.id.desc())
    )


def is_barren(session: Session, batch: Batch) -> bool:
    """Tell whether the last batches of its kind, this one included, all expired unanswered."""
    last = session.scalars(_latest(batch.job_id, batch.model_id).limit(MAX_BARREN)).all()
    return len(last) == MAX_BARREN and all(
        each.ending is Ending.EXPIRED and each.completed == 0 for each in last
    )


def claim(
    session: Session, batch_id: UUID, token: str, *, until: datetime, now: datetime
) -> Batch | None:
    """Take hold of a batch to do its next step, or return None when somebody else has it.

    Each step has a token of its own, so that of two in one process one waits, too.
    """
    return session.scalar(
        update(Batch)
        .where(
            Batch.id == batch_id,
            Batch.state.not_in(ENDED_BATCH),
            or_(Batch.held_until.is_(None), Batch.held_until < now),
        )
        .values(held_by=token, held_until=until)
        .returning(Batch)
        .execution_options(populate_existing=True)
    )


def change(session: Session, batch_id: UUID, token: str, **values: Any) -> bool:
    """Set some columns of a batch, if it is still held with this token; tell whether it was.

    Locks its row until the commit: whatever else the transaction does, no other step does it.
    """
    changed = session.scalar(
        update(Batch)
        .where(Batch.id == batch_id, Batch.held_by == token)
        .values(**values)
        .returning(Batch.id)
    )
    return changed is not None


def move(
    session: Session, batch_id: UUID, token: str, target: BatchState, *, now: datetime, **more: Any
) -> bool:
    """Move a batch that is held and stands where it may be moved from; tell whether it did.

    The only door through which its state changes. One that ends is let go.
    """
    values: dict[str, Any] = {"state": target, **more}
    if target in ENDED_BATCH:
        values |= {"finished_at": now, "poll_at": None, "held_by": None, "held_until": None}
    moved = session.scalar(
        update(Batch)
        .where(Batch.id == batch_id, Batch.held_by == token, Batch.state.in_(batch_sources(target)))
        .values(**values)
        .returning(Batch.id)
    )
    return moved is not None


def let_go(session: Session, batch_id: UUID, token: str, *, poll_at: datetime, **more: Any) -> None:
    """End a step: the next is due at `poll_at`, and anybody may do it."""
    change(session, batch_id, token, held_by=None, held_until=None, poll_at=poll_at, **more)


def let_all_go(session: Session) -> None:
    """Free every batch: right where one process owns the database and has just started."""
    session.execute(
        update(Batch).where(Batch.held_by.is_not(None)).values(held_by=None, held_until=None)
    )


def running_runs(session: Session, batch: Batch) -> list[UUID]:
    """Return the runs of a batch's job and model that run."""
    found = session.scalars(
        select(Run.id).where(
            Run.job_id == batch.job_id,
            Run.model_id == batch.model_id,
            Run.status == Status.RUNNING,
            Run.dispatch == Dispatch.BATCH,
        )
    )
    return list(found)


def open_by_credential(session: Session, model_id: UUID) -> dict[str, int]:
    """Return how many batches each credential of a model has under way."""
    rows = session.execute(
        select(Batch.credential, func.count())
        .where(Batch.model_id == model_id, Batch.state.not_in(ENDED_BATCH))
        .group_by(Batch.credential)
    )
    return {credential: count for credential, count in rows}  # noqa: C416 - a Row is no pair


def get(session: Session, batch_id: UUID) -> Batch:
    """Return a batch that is there."""
    return session.get_one(Batch, batch_id)


def page(session: Session, job_id: UUID, *, after: Key | None, limit: int) -> Slice[Batch]:
    """Return a page of a job's batches, the latest first."""
    query = select(Batch).where(Batch.job_id == job_id)
    order = (Batch.created_at, Batch.id)
    return fetch(session, query, order, after=after, limit=limit, newest_first=True)


def open_of(session: Session, job_ids: Sequence[UUID]) -> dict[UUID, list[Batch]]:
    """Return the batches of some jobs that are under way, the oldest first."""
    found: dict[UUID, list[Batch]] = {job: [] for job in job_ids}
    rows = session.scalars(
        select(Batch)
        .where(Batch.job_id.in_(job_ids), Batch.poll_at.is_not(None))
        .order_by(Batch.created_at)
    )
    for batch in rows:
        found[batch.job_id].append(batch)
    return found
