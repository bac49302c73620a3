"""Whether the service can do its work: the database, the broker, the age of the queue."""

from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from core.db import Database
from core.errors import NotReady
from core.rules.states import RequestState, Status
from core.tables import Request, Run

PING_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Readiness:
    """What was reached, and how late the queue is."""

    database: str
    broker: str
    oldest_due_seconds: float | None
    """None: nothing is due."""


def check(database: Database, broker_url: str, *, now: datetime) -> Readiness:
    """Reach for everything that work needs, or raise `NotReady`."""
    broker = _reach_broker(broker_url)
    try:
        oldest = _oldest_due(database, now=now)
    except SQLAlchemyError as error:
        raise NotReady(
            "the database does not answer, or is not migrated; see that it runs at"
            " GERBENCH_DATABASE_URL and that `gerbench db upgrade` has been run",
            part="database",
        ) from error
    age = None if oldest is None else max(0.0, (now - oldest).total_seconds())
    return Readiness(database.engine.dialect.name, broker, age)


def _oldest_due(database: Database, *, now: datetime) -> datetime | None:
    """Return since when the request that has waited longest could have been sent."""
    first = (
        select(func.min(Request.not_before))
        .where(
            Request.run_id == Run.id,
            Request.state == RequestState.DUE,
            Request.not_before <= now,
        )
        .scalar_subquery()
    )
    with database.read() as session:
        due = session.scalars(select(first).where(Run.status == Status.RUNNING)).all()
    return min((moment for moment in due if moment is not None), default=None)


def _reach_broker(url: str) -> str:
    """Return the broker's kind."""
    if url.startswith("memory:"):
        return "memory"
    try:
        with Redis.from_url(
            url, socket_timeout=PING_TIMEOUT_S, socket_connect_timeout=PING_TIMEOUT_S
        ) as client:
            client.ping()
    except (RedisError, OSError) as error:
        raise NotReady(
            "the broker does not answer; see that Redis runs at GERBENCH_BROKER_URL", part="broker"
        ) from error
    return "redis"
