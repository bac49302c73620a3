"""Whether the process lives, and whether it can work; open to everyone."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import PatienceDep, SettingsDep, WholeDatabaseDep
from api.schemas.problem import problems
from core import __version__, readiness
from core.db import utc_now
from core.rules.stalls import StallCode

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = __version__


class Ready(BaseModel):
    """The API works; `degraded` when jobs do not move all the same, as `problems` says."""

    status: Literal["ready", "degraded"]
    database: str
    broker: Annotated[str, Field(description="`memory` in embedded mode, else `redis`")]
    workers: Annotated[int, Field(description="Those that live: seen within 20 s")]
    oldest_due_seconds: Annotated[
        float | None, Field(description="How late the queue is; null when nothing is due")
    ]
    stalled_jobs: Annotated[
        dict[StallCode, int], Field(description="Jobs that do not move, by why; see GET /v1/jobs")
    ]
    problems: list[str]


@router.get("/health", summary="Does the process answer?")
def get_health() -> Health:
    """Answer without touching anything else."""
    return Health()


@router.get("/ready", summary="Can it work?", responses=problems(503))
def get_ready(database: WholeDatabaseDep, settings: SettingsDep, patience: PatienceDep) -> Ready:
    """Reach for the database and the broker, count workers, and tell what does not move.

    503 only when the API itself cannot work, which is without its database.
    """
    found = readiness.check(database, settings.broker, patience=patience, now=utc_now())
    return Ready(
        status="degraded" if found.problems else "ready",
        database=found.database,
        broker=found.broker,
        workers=found.workers,
        oldest_due_seconds=found.oldest_due_seconds,
        stalled_jobs=found.stalled,
        problems=list(found.problems),
    )
