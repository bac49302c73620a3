"""The lines of batches: requests taken into a file, and what of them has not come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from core import attempts
from core.leases import LEASED_COLUMNS, Leased, leased
from core.rules.batches import holder
from core.rules.states import RequestState, Status
from core.spending import Books
from core.tables import Attempt, Batch, Request, Run
from core.vocabulary import Result

LASTS = timedelta(days=3650)
"""Of the lease of a batch, which it ends itself."""


@dataclass(frozen=True)
class Line:
    """A line of a batch that has not come back."""

    attempt_id: int
    sent_at: datetime
    sent_sha256: str
    request: Leased


def take(session: Session, batch: Batch, *, slots: int, now: datetime) -> list[Leased]:
    """Lease waiting requests of a batch's job in its name."""
    ids = session.scalars(
        select(Request.id)
        .join(Run, Run.id == Request.run_id)
        .where(
            Run.job_id == batch.job_id,
            Run.model_id == batch.model_id,
            Run.status == Status.RUNNING,
            Run.canary_passed_at.is_not(None),
            or_(Run.rests_until.is_(None), Run.rests_until <= now),
            Request.state == RequestState.WAITING,
            Request.not_before <= now,
        )
        .order_by(Run.position, Request.not_before, Request.id)
        .limit(slots)
        .with_for_update(skip_locked=True, of=Request)
    ).all()
    rows = session.execute(
        update(Request)
        .where(Request.id.in_(ids), Request.state == RequestState.WAITING)
        .values(
            state=RequestState.LEASED, lease_owner=holder(batch.id), lease_expires_at=now + LASTS
        )
        .returning(*LEASED_COLUMNS)
    ).all()
    return sorted((leased(row) for row in rows), key=lambda taken: taken.id)


def add_lines(session: Session, batch_id: UUID, attempt_ids: Sequence[int]) -> None:
    """Note that some attempts are lines of a batch."""
    session.execute(update(Attempt).where(Attempt.id.in_(attempt_ids)).values(batch_id=batch_id))
    session.execute(
        update(Batch).where(Batch.id == batch_id).values(lines=Batch.lines + len(attempt_ids))
    )


def put_back(session: Session, batch_id: UUID) -> int:
    """Return requests to the queue that a batch leased and wrote no attempt for; say how many."""
    sent = exists().where(Attempt.request_id == Request.id, Attempt.batch_id == batch_id)
    ids = session.scalars(
        update(Request)
        .where(Request.state == RequestState.LEASED, Request.lease_owner == holder(batch_id), ~sent)
        .values(state=RequestState.WAITING, lease_owner=None, lease_expires_at=None)
        .returning(Request.id)
    ).all()
    return len(ids)


def lines_of(
    session: Session,
    batch_id: UUID,
    *,
    after: int = 0,
    limit: int = 500,
    among: Sequence[int] | None = None,
) -> list[Line]:
    """Return lines of a batch that have not come back, in the order of its file."""
    query = (
        select(
            Attempt.id.label("attempt_id"),
            Attempt.sent_at,
            Attempt.sent_sha256,
            *LEASED_COLUMNS,
        )
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.batch_id == batch_id, Attempt.id > after, Attempt.result == Result.SENT)
        .order_by(Attempt.id)
        .limit(limit)
    )
    if among is not None:
        query = query.where(Attempt.id.in_(among))
    return [
        Line(row.attempt_id, row.sent_at, row.sent_sha256, leased(row))
        for row in session.execute(query)
    ]


def attempt_of_line(session: Session, batch_id: UUID, number: int) -> int | None:
    """Return the attempt that is line `number`, from 1, of a batch's file."""
    return session.scalar(
        select(Attempt.id)
        .where(Attempt.batch_id == batch_id)
        .order_by(Attempt.id)
        .offset(number - 1)
        .limit(1)
    )


def take_out(
    session: Session,
    batch_id: UUID,
    attempt_id: int,
    reason: str,
    books: Books,
    *,
    now: datetime,
) -> None:
    """Take a line out of a batch that was never sent: its attempt ends withdrawn, and unpaid."""
    ending = {"batch_id": None, "result": Result.WITHDRAWN, "finished_at": now, "reason": reason}
    attempts.unsend(session, [attempt_id], books, **ending)
    session.execute(update(Batch).where(Batch.id == batch_id).values(lines=Batch.lines - 1))
