"""Requests taken back from workers that died."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.leases import LEASED_COLUMNS, leased
from core.rules.batches import HOLDER
from core.rules.states import RequestState
from core.rules.strategy import Verdict, lost
from core.settling import Settlement, settle_all
from core.spending import Books
from core.tables import Attempt, Request, Run
from core.vocabulary import Result

REASON = "the worker died before the reply"


def has_expired(session: Session, *, now: datetime) -> bool:
    """Tell whether a lease has expired."""
    query = select(Request.id).where(
        Request.state == RequestState.LEASED, Request.lease_expires_at < now
    )
    return session.scalar(query.limit(1)) is not None


def rescue(
    session: Session, *, expired_before: datetime | None, jitter: float, now: datetime
) -> int:
    """Take back requests whose worker died; return how many.

    `expired_before` None takes every lease: right where one process owns the database and has
    just started. An attempt that was under way becomes unknown, possibly billed, and counts as a
    failure, so that a request which kills its worker fails in the end instead of going round for
    ever; a request that was only leased goes back as it was. A batch's are left alone: it lives at
    the provider, whoever has died here.
    """
    query = select(*LEASED_COLUMNS, Request.lease_owner).where(
        Request.state == RequestState.LEASED, Request.lease_owner.not_like(f"{HOLDER}%")
    )
    if expired_before is not None:
        query = query.where(Request.lease_expires_at < expired_before)
    rows = session.execute(query.with_for_update(skip_locked=True)).all()
    if not rows:
        return 0
    with Books(session) as books:
        under_way = give_up(session, [row.id for row in rows], books, reason=REASON, now=now)
        settle_all(session, _settlements(rows, under_way, jitter=jitter, now=now), books)
    return len(rows)


def _settlements(
    rows: Sequence[Any], under_way: set[int], *, jitter: float, now: datetime
) -> list[Settlement]:
    """Return what becomes of requests whose worker died."""
    settlements = []
    for row in rows:
        request = leased(row)
        sent = request.id in under_way
        verdict = lost(request.asked, jitter=jitter) if sent else Verdict(RequestState.DUE)
        reason = REASON if sent else None
        settlements.append(Settlement(request, row.lease_owner, verdict, now, reason))
    return settlements


def give_up(
    session: Session, request_ids: Sequence[int], books: Books, *, reason: str, now: datetime
) -> set[int]:
    """Mark the attempts under way of some requests unknown; return those requests.

    What is reserved for them counts as spent: they may have been billed.
    """
    rows = session.execute(
        update(Attempt)
        .where(Attempt.request_id.in_(request_ids), Attempt.result == Result.SENT)
        .values(result=Result.UNKNOWN, finished_at=now, reason=reason)
        .returning(Attempt.request_id, Attempt.run_id, Attempt.sent_at, Attempt.reserved_nano)
    ).all()
    books.know(row.run_id for row in rows)
    for row in rows:
        most = row.reserved_nano
        books.add(row.run_id, row.sent_at, spent=most, reserved=-most)
    for run_id, count in sorted(Counter(row.run_id for row in rows).items()):
        session.execute(
            update(Run)
            .where(Run.id == run_id)
            .values(unknown_attempts=Run.unknown_attempts + count)
        )
    return {row.request_id for row in rows}
