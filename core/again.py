"""Writes that are repeated: a commit whose answer was lost may have happened all the same.

What was committed is not done twice, and a reply that comes after its request was taken back still
counts where nobody has asked again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import attempts, settling
from core.attempts import Opened, OpenedOrNot, Opening
from core.rules.states import RequestState, Status
from core.settling import Settlement
from core.spending import Books
from core.tables import Attempt, Request, Run
from core.vocabulary import Result

UNHEARD = (Result.SENT, Result.UNKNOWN)
"""Attempts whose end is not recorded."""

NEVER_LEFT = "it never left: the run was stopped while the database was away"


def open_all(session: Session, openings: Sequence[Opening], books: Books) -> list[OpenedOrNot]:
    """Write an attempt for each request that may still be sent, unless it was written before.

    One that was, and may not leave any more because its run no longer runs, ends here: it was
    never sent.
    """
    written = _written(session, openings)
    opened: dict[int, OpenedOrNot] = {
        request: Opened(attempt, number) if runs else None
        for request, (attempt, number, runs) in written.items()
    }
    stopped = [attempt for attempt, _, runs in written.values() if not runs]
    if stopped:
        _end(session, stopped, books, now=max(o.at for o in openings))
    rest = [o for o in openings if o.request.id not in opened]
    found = attempts.open_all(session, rest, books) if rest else []
    opened |= {o.request.id: end for o, end in zip(rest, found, strict=True)}
    return [opened[o.request.id] for o in openings]


def _written(session: Session, openings: Sequence[Opening]) -> dict[int, tuple[int, int, bool]]:
    """Return what was committed of some openings: attempt, number, and whether its run runs.

    The lease tells whose attempt it is: another worker's has another owner.
    """
    numbers = {o.request.id: o.request.attempts + 1 for o in openings}
    owners = {o.request.id: o.owner for o in openings}
    rows = session.execute(
        select(Attempt.id, Attempt.number, Request.id, Request.lease_owner, Run.status)
        .join(Request, Request.id == Attempt.request_id)
        .join(Run, Run.id == Request.run_id)
        .where(
            Attempt.request_id.in_(list(numbers)),
            Attempt.result == Result.SENT,
            Request.state == RequestState.LEASED,
        )
    )
    return {
        request: (attempt, number, status is Status.RUNNING)
        for attempt, number, request, owner, status in rows
        if numbers[request] == number and owners[request] == owner
    }


def _end(session: Session, attempt_ids: Sequence[int], books: Books, *, now: datetime) -> None:
    """End attempts that never left: nothing of them can have been billed."""
    ending = {"result": Result.RESET, "finished_at": now, "reason": NEVER_LEFT}
    attempts.unsend(session, attempt_ids, books, **ending)


def settle_all(
    session: Session, settlements: Sequence[Settlement], books: Books
) -> dict[UUID, str]:
    """Settle what was not settled before; the caller holds the runs. Returns as `settling` does."""
    unheard = _unheard(session, settlements)
    leases = _leases(session, [s for s in settlements if s.heard is None])
    fresh = [
        s
        for s in settlements
        if (
            s.heard.attempt_id in unheard
            if s.heard is not None
            else leases.get(s.request.id) == (s.owner, s.request.expires_at)
        )
    ]
    for s in fresh:
        if s.heard is not None and unheard[s.heard.attempt_id] is Result.UNKNOWN:
            _take_back(session, s)
    return settling.settle_all(session, fresh, books) if fresh else {}


def _unheard(session: Session, settlements: Iterable[Settlement]) -> dict[int, Result]:
    """Return those attempts whose end is not recorded yet."""
    ids = [s.heard.attempt_id for s in settlements if s.heard is not None]
    rows = session.execute(
        select(Attempt.id, Attempt.result).where(Attempt.id.in_(ids), Attempt.result.in_(UNHEARD))
    )
    return {attempt: result for attempt, result in rows}  # noqa: C416 - a Row is not a pair to dict()


def _leases(
    session: Session, settlements: Iterable[Settlement]
) -> dict[int, tuple[str | None, datetime | None]]:
    """Return who holds each request, and until when.

    A request that was given back may be leased again already, by the same worker too.
    """
    rows = session.execute(
        select(Request.id, Request.lease_owner, Request.lease_expires_at).where(
            Request.id.in_([s.request.id for s in settlements])
        )
    )
    return {request: (owner, until) for request, owner, until in rows}


def _take_back(session: Session, s: Settlement) -> None:
    """Lease a request again whose reply was given up, unless it was asked again meanwhile.

    From whoever may hold it by now: an attempt that is not written yet cannot be under way, and
    will not be, since its worker no longer owns the lease.
    """
    session.execute(
        update(Request)
        .where(
            Request.id == s.request.id,
            Request.state.in_((RequestState.DUE, RequestState.LEASED)),
            Request.attempts == s.request.attempts + 1,
        )
        .values(state=RequestState.LEASED, lease_owner=s.owner, lease_expires_at=s.at)
    )
