"""Attempts: written before they are sent, recorded verbatim when they end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from core.db import table
from core.errors import NotFound
from core.leases import Leased
from core.rules.budgets import counted, kept
from core.rules.readings import Exchange, Reading
from core.rules.room import PastUse
from core.rules.states import RequestState, Status
from core.spending import BATCH_REST, REST, Ask, Books, OverBudget
from core.tables import Attempt, Request, Run
from core.vocabulary import Dispatch, Result

ATTEMPTS, REQUESTS, RUNS = table(Attempt), table(Request), table(Run)

SENDABLE = (
    select(REQUESTS.c.id, REQUESTS.c.lease_owner)
    .join(RUNS, RUNS.c.id == REQUESTS.c.run_id)
    .where(
        REQUESTS.c.id.in_(bindparam("ids", expanding=True)),
        REQUESTS.c.state == RequestState.LEASED,
        RUNS.c.status == Status.RUNNING,
    )
)
OPEN = insert(ATTEMPTS).returning(ATTEMPTS.c.id, sort_by_parameter_order=True)
COUNT_REQUESTS = (
    update(REQUESTS)
    .where(REQUESTS.c.id.in_(bindparam("ids", expanding=True)))
    .values(attempts=REQUESTS.c.attempts + 1)
)
COUNT_RUN = (
    update(RUNS)
    .where(RUNS.c.id == bindparam("run"))
    .values(
        attempts=RUNS.c.attempts + bindparam("count"),
        started_at=func.coalesce(RUNS.c.started_at, bindparam("at", type_=RUNS.c.started_at.type)),
    )
)
MOMENT = RUNS.c.rests_until.type
REST_RUN = (
    update(RUNS)
    .where(RUNS.c.id == bindparam("run"))
    .values(
        rests_until=case(
            (RUNS.c.dispatch == Dispatch.BATCH, bindparam("later", type_=MOMENT)),
            else_=bindparam("soon", type_=MOMENT),
        )
    )
)
BEFORE = select(
    ATTEMPTS.c.id,
    ATTEMPTS.c.run_id,
    ATTEMPTS.c.result,
    ATTEMPTS.c.sent_at,
    ATTEMPTS.c.cost_nano,
    ATTEMPTS.c.reserved_nano,
).where(ATTEMPTS.c.id.in_(bindparam("ids", expanding=True)))
RECORD = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("attempt"))
"""Built once: they run with every group of writes, and to build one takes longer than to run it."""


@dataclass(frozen=True)
class Opening:
    """A request about to be sent."""

    request: Leased
    owner: str
    credential: str
    sent: dict[str, Any]
    sent_sha256: str
    at: datetime
    most_nano: int | None
    """What it costs at most; None: the model has no prices."""


@dataclass(frozen=True)
class Opened:
    """An attempt that may go out now."""

    id: int
    number: int


OpenedOrNot: TypeAlias = Opened | OverBudget | None
"""None: the request is no longer ours to send, or its run no longer running."""


def open_all(session: Session, openings: Sequence[Opening], books: Books) -> list[OpenedOrNot]:
    """Write an attempt for each request that may still be sent and that its budgets have room for.

    A request may not when its lease is no longer ours, or its run no longer running: that is
    what keeps a call from leaving after a cancel. What each may cost is reserved in `books`, in
    their order.
    """
    current = _sendable(session, openings)
    ours = [o for o in openings if current.get(o.request.id) == o.owner]
    if not ours:
        return [None] * len(openings)
    asks = [Ask(o.request.run_id, o.most_nano, o.at) for o in ours]
    over = zip(ours, books.admit(asks), strict=True)
    ends: dict[int, OpenedOrNot] = {o.request.id: refusal for o, refusal in over}
    going = [o for o in ours if ends[o.request.id] is None]
    if going:
        ends |= _write(session, going)
        _count(session, going)
    _rest(session, ours, ends)
    return [ends.get(o.request.id) for o in openings]


def out_of_budget(
    openings: Sequence[Opening], ends: Sequence[OpenedOrNot]
) -> dict[UUID, OverBudget]:
    """Return the runs that can afford no more calls, whatever comes back, and why."""
    return {
        o.request.run_id: end
        for o, end in zip(openings, ends, strict=True)
        if isinstance(end, OverBudget) and not end.for_now
    }


def _rest(session: Session, openings: Sequence[Opening], ends: Mapping[int, OpenedOrNot]) -> None:
    """Let runs rest whose next call has to wait for what others have reserved."""
    for o in openings:
        end = ends[o.request.id]
        if isinstance(end, OverBudget) and end.for_now:
            until = {"run": o.request.run_id, "soon": o.at + REST, "later": o.at + BATCH_REST}
            session.connection().execute(REST_RUN, until)


def _write(session: Session, going: Sequence[Opening]) -> dict[int, Opened]:
    """Write the attempts of requests that may be sent; return them by request."""
    numbers = {o.request.id: o.request.attempts + 1 for o in going}
    rows = session.connection().execute(
        OPEN,
        [
            {
                "request_id": o.request.id,
                "run_id": o.request.run_id,
                "number": numbers[o.request.id],
                "credential": o.credential,
                "sent_at": o.at,
                "sent": o.sent,
                "sent_sha256": o.sent_sha256,
                "reserved_nano": o.most_nano or 0,
            }
            for o in going
        ],
    )
    return {
        o.request.id: Opened(row.id, numbers[o.request.id])
        for o, row in zip(going, rows, strict=True)
    }


def _sendable(session: Session, openings: Iterable[Opening]) -> dict[int, str]:
    """Return the owner of each request that is leased and whose run is running."""
    rows = session.connection().execute(SENDABLE, {"ids": [o.request.id for o in openings]})
    return {request: owner for request, owner in rows if owner is not None}


def _count(session: Session, going: Sequence[Opening]) -> None:
    """Count the attempts on their requests and runs."""
    connection = session.connection()
    connection.execute(COUNT_REQUESTS, {"ids": [o.request.id for o in going]})
    began = min(o.at for o in going)
    for run_id, count in sorted(Counter(o.request.run_id for o in going).items()):
        connection.execute(COUNT_RUN, {"run": run_id, "count": count, "at": began})


@dataclass(frozen=True)
class Heard:
    """What came back for an attempt, and its price in billionths of a dollar."""

    attempt_id: int
    exchange: Exchange
    reading: Reading
    cost_nano: int | None
    at: datetime


def record_all(session: Session, heard: Sequence[Heard], books: Books) -> None:
    """Keep what came back, verbatim; what was reserved for it gives way to what it cost.

    An answer that comes after its attempt was given up as unknown is kept too: it was paid for,
    and its run counts one unknown attempt less.
    """
    if not heard:
        return
    connection = session.connection()
    rows = connection.execute(BEFORE, {"ids": [h.attempt_id for h in heard]})
    before = {row.id: row for row in rows}
    late = Counter(row.run_id for row in before.values() if row.result is Result.UNKNOWN)
    for run_id, count in sorted(late.items()):
        session.execute(
            update(Run)
            .where(Run.id == run_id)
            .values(unknown_attempts=Run.unknown_attempts - count)
        )
    after = [_row(h, before[h.attempt_id].reserved_nano) for h in heard]
    connection.execute(RECORD, after)
    books.know(row.run_id for row in before.values())
    for row in after:
        _book(books, before[row["attempt"]], row)


def _book(books: Books, before: Any, after: Mapping[str, Any]) -> None:
    """Book how an attempt that came back counts otherwise than it did."""
    spent, reserved = counted(before.result, before.cost_nano, before.reserved_nano)
    cost, _ = counted(after["result"], after["cost_nano"], after["reserved_nano"])
    books.add(before.run_id, before.sent_at, spent=cost - spent, reserved=-reserved)


def _row(heard: Heard, reserved: int) -> dict[str, Any]:
    """Return the columns that an attempt's end fills."""
    usage, exchange, result = heard.reading.usage, heard.exchange, heard.reading.result
    keeps = 0
    if heard.cost_nano is None:
        keeps = kept(result, exchange.status, reserved, connected=exchange.connected)
    return {
        "attempt": heard.attempt_id,
        "result": result,
        "finished_at": heard.at,
        "status": exchange.status,
        "headers": dict(exchange.headers),
        "body": exchange.body,
        "reason": heard.reading.reason,
        "latency_s": exchange.latency_s,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "cost_nano": heard.cost_nano,
        "reserved_nano": keeps,
    }


def unsend(session: Session, ids: Sequence[int], books: Books, **ending: Any) -> None:
    """End attempts that never left; what was reserved for them is free."""
    rows = session.execute(
        select(Attempt.id, Attempt.run_id, Attempt.sent_at, Attempt.reserved_nano)
        .where(Attempt.id.in_(ids), Attempt.result == Result.SENT)
        .with_for_update()
    ).all()
    books.know(row.run_id for row in rows)
    for row in rows:
        books.add(row.run_id, row.sent_at, reserved=-row.reserved_nano)
    session.execute(
        update(Attempt)
        .where(Attempt.id.in_([row.id for row in rows]))
        .values(reserved_nano=0, **ending)
    )


def past_uses(
    session: Session, model_id: UUID, *, unheard_tokens: int, since: datetime, now: datetime
) -> dict[str, list[PastUse]]:
    """Return what a model's attempts used of its limits since a moment, by credential.

    An attempt counts from when its reply came, the latest moment the provider can have counted
    it; one whose usage nobody heard counts as `unheard_tokens`.
    """
    rows = session.execute(
        select(
            Attempt.credential,
            Attempt.finished_at,
            Attempt.prompt_tokens + Attempt.completion_tokens,
        )
        .join(Run, Run.id == Attempt.run_id)
        .where(
            Run.model_id == model_id,
            Attempt.sent_at > since,
            # Lines of batches take no room under the limits.
            Attempt.batch_id.is_(None),
        )
    )
    uses: defaultdict[str, list[PastUse]] = defaultdict(list)
    for credential, finished_at, tokens in rows:
        age = (now - finished_at).total_seconds() if finished_at else 0.0
        uses[credential].append(PastUse(age, unheard_tokens if tokens is None else tokens))
    return uses


def get(session: Session, attempt_id: int) -> Attempt:
    """Return an attempt. Raises NotFound."""
    attempt = session.get(Attempt, attempt_id)
    # Whose it is, its run knows.
    if attempt is None or session.get(Run, attempt.run_id) is None:
        raise NotFound(f"no attempt {attempt_id}; GET /v1/runs/{{id}}/attempts lists a run's")
    return attempt
