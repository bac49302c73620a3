"""Whether the process lives, and whether it can work; open to everyone."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import SettingsDep, WholeDatabaseDep
from api.schemas.problem import problems
from core import __version__, readiness
from core.db import utc_now

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = __version__


class Ready(BaseModel):
    """Everything that work needs answers."""

    status: Literal["ready"] = "ready"
    database: str
    broker: Annotated[str, Field(description="`memory` in embedded mode, else `redis`")]
    oldest_due_seconds: Annotated[
        float | None, Field(description="How late the queue is; null when nothing is due")
    ]


@router.get("/health", summary="Does the process answer?")
def get_health() -> Health:
    """Answer without touching anything else."""
    return Health()


@router.get("/ready", summary="Can it work?", responses=problems(503))
def get_ready(database: WholeDatabaseDep, settings: SettingsDep) -> Ready:
    """Reach for the database and the broker, and tell how late the queue is."""
    found = readiness.check(database, settings.broker, now=utc_now())
    return Ready(
        database=found.database,
        broker=found.broker,
        oldest_due_seconds=found.oldest_due_seconds,
    )
