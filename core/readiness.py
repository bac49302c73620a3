"""Whether the service can do its work: database, broker, workers, the age of the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core import stalls, workers
from core.db import Database
from core.errors import NotReady
from core.queries import exactly
from core.rules.stalls import StallCode
from core.rules.states import RequestState, Status
from core.tables import Request, Run

PING_TIMEOUT_S = 2.0

BROKER_AWAY = (
    "the broker does not answer: jobs are taken, and wait; see that Redis runs at"
    " GERBENCH_BROKER_URL"
)


@dataclass(frozen=True)
class Readiness:
    """What was reached, who works, and how late the queue is."""

    database: str
    broker: str
    oldest_due_seconds: float | None
    """None: nothing is due."""
    workers: int
    """Those that live."""
    stalled: dict[StallCode, int]
    """Jobs that do not move, by why."""
    problems: Sequence[str]
    """What keeps jobs from moving, and what to do; the API itself works all the same."""


def check(database: Database, broker_url: str, *, patience: timedelta, now: datetime) -> Readiness:
    """Reach for everything that work needs. Raises NotReady when the API itself cannot work.

    That is for want of a database alone: without a broker or a worker jobs are taken and wait.
    """
    broker = broker_url.split(":", 1)[0]
    problems = [] if _answers(broker_url) else [BROKER_AWAY]
    try:
        with database.read() as session:
            oldest = oldest_due(session)
            known = workers.known(session)
            stalled = stalls.of_all(session, patience=patience, now=now)
    except SQLAlchemyError as error:
        raise NotReady(
            "the database does not answer, or is not migrated; see that it runs at"
            " GERBENCH_DATABASE_URL and that `gerbench db upgrade` has been run",
            part="database",
        ) from error
    alive = sum(workers.lives(worker, now=now) for worker in known)
    if not alive:
        problems.append("no worker is alive: jobs wait; start one with `gerbench worker`")
    if stalled:
        few = f"{len(stalled)} job{'s do' if len(stalled) > 1 else ' does'}"
        problems.append(f"{few} not move; GET /v1/jobs says why")
    return Readiness(
        database.engine.dialect.name,
        broker,
        None if oldest is None or oldest > now else (now - oldest).total_seconds(),
        alive,
        stalls.counted(stalled.values()),
        problems,
    )


def oldest_due(session: Session) -> datetime | None:
    """Return from when on the request that has waited longest could have been sent.

    It lies ahead where nothing is due yet.
    """
    first = (
        select(func.min(Request.not_before))
        .where(Request.run_id == Run.id, exactly(Request.state, RequestState.DUE))
        .scalar_subquery()
    )
    due = session.scalars(select(first).where(Run.status == Status.RUNNING)).all()
    return min((moment for moment in due if moment is not None), default=None)


def _answers(url: str) -> bool:
    """Tell whether the broker answers; that of embedded mode is this process."""
    if url.startswith("memory:"):
        return True
    return bool(import_module("core.ping").answers(url, PING_TIMEOUT_S))
