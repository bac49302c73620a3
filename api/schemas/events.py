"""What the events of live streams say: the `data` of each is one of these, as JSON."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.schemas.work import JobState, RunOut
from core.rules.states import Status
from core.tables import Attempt
from core.vocabulary import Result

MAX_REASON = 1000
"""Characters of an error that are shown; all of it is in the attempt."""


class SpeedOut(BaseModel):
    """How fast it goes, over the last 15 seconds."""

    samples_per_second: float
    requests_per_minute: float = Field(description="Calls begun, those that failed too")
    tokens_per_minute: float


class ErrorOut(BaseModel):
    """An attempt that was no answer, in the provider's own words."""

    attempt_id: int
    run_id: UUID
    request_id: int
    result: Result
    status: int | None = Field(description="HTTP status; null when no whole reply came")
    reason: str = Field(description=f"At most {MAX_REASON:,} characters of it")
    finished_at: datetime | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Return an attempt as an error."""
        own = ("run_id", "request_id", "result", "status", "finished_at")
        return cls(
            attempt_id=attempt.id,
            reason=(attempt.reason or "")[:MAX_REASON],
            **{name: getattr(attempt, name) for name in own},
        )


class RunEvent(RunOut):
    """A run as it is now."""

    speed: SpeedOut | None = Field(description="null: not known yet")


class JobEvent(JobState):
    """Event `job`: a job as it is now, with those of its runs that are not as they were."""

    whole: bool = Field(description="Whether `runs` is all of them; so it is in the first event")
    speed: SpeedOut | None = Field(description="null: not known yet")
    runs: list[RunEvent] = Field(description="Those that changed since the event before")
    errors: list[ErrorOut] | None = Field(
        description="The latest, the newest first; null: as in the event before"
    )


class JobLine(JobState):
    """A job in the list of those under way."""

    speed: SpeedOut | None = Field(description="null: not known yet")


class JobsEvent(BaseModel):
    """Event `jobs`: jobs that are not as they were; one that has ended comes once more."""

    whole: bool = Field(description="Whether these are all under way; so it is in the first event")
    items: list[JobLine] = Field(description="The latest first")


class EndEvent(BaseModel):
    """Event `end`: the job has ended, and nothing follows."""

    id: UUID
    status: Status
