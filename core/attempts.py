"""Attempts: written before they are sent, recorded verbatim when they end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from core.db import table
from core.errors import NotFound
from core.leases import Leased
from core.rules.readings import Exchange, Reading
from core.rules.room import PastUse
from core.rules.states import RequestState, Status
from core.tables import Attempt, Request, Run
from core.vocabulary import Result

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
LATE = select(ATTEMPTS.c.run_id).where(
    ATTEMPTS.c.id.in_(bindparam("ids", expanding=True)), ATTEMPTS.c.result == Result.UNKNOWN
)
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


@dataclass(frozen=True)
class Opened:
    """An attempt that may go out now."""

    id: int
    number: int


def open_all(session: Session, openings: Sequence[Opening]) -> list[Opened | None]:
    """Write an attempt for each request that may still be sent; None for one that may not.

    A request may not when its lease is no longer ours, or its run no longer running: that is
    what keeps a call from leaving after a cancel.
    """
    current = _sendable(session, openings)
    going = [o for o in openings if current.get(o.request.id) == o.owner]
    if not going:
        return [None] * len(openings)
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
            }
            for o in going
        ],
    )
    opened = {
        o.request.id: Opened(row.id, numbers[o.request.id])
        for o, row in zip(going, rows, strict=True)
    }
    _count(session, going)
    return [opened.get(o.request.id) for o in openings]


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


def record_all(session: Session, heard: Sequence[Heard]) -> None:
    """Keep what came back, verbatim.

    An answer that comes after its attempt was given up as unknown is kept too: it was paid for,
    and its run counts one unknown attempt less.
    """
    if not heard:
        return
    connection = session.connection()
    late = connection.execute(LATE, {"ids": [h.attempt_id for h in heard]}).scalars()
    for run_id, count in sorted(Counter(late).items()):
        session.execute(
            update(Run)
            .where(Run.id == run_id)
            .values(unknown_attempts=Run.unknown_attempts - count)
        )
    connection.execute(RECORD, [_row(h) for h in heard])


def _row(heard: Heard) -> dict[str, Any]:
    """Return the columns that an attempt's end fills."""
    usage, exchange = heard.reading.usage, heard.exchange
    return {
        "attempt": heard.attempt_id,
        "result": heard.reading.result,
        "finished_at": heard.at,
        "status": exchange.status,
        "headers": dict(exchange.headers),
        "body": exchange.body,
        "reason": heard.reading.reason,
        "latency_s": exchange.latency_s,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "cost_nano": heard.cost_nano,
    }


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
