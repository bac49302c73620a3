"""Bodies about providers' batches."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from core.rules.batches import BatchState, Ending
from core.tables import Batch


class BatchOut(BaseModel):
    """A file of a job's requests at a provider, and how far it has got there."""

    id: UUID
    job_id: UUID
    model_id: UUID
    credential: str = Field(description="Where its secret was read from")
    state: BatchState
    ending: Ending | None = Field(description="Why it is over; null while it is not")
    lines: int = Field(description="Requests in it")
    completed: int = Field(description="Lines answered, as the provider counts")
    failed: int = Field(description="Lines that ended otherwise, as the provider counts")
    file_id: str | None = Field(description="The provider's name of the file")
    provider_id: str | None = Field(description="The provider's name of the batch")
    provider_status: str | None = Field(description="In the provider's words")
    created_at: datetime
    submitted_at: datetime | None
    expires_at: datetime | None = Field(description="When the provider gives it up")
    cancel_asked_at: datetime | None
    finished_at: datetime | None
    poll_at: datetime | None = Field(description="When it is looked at next; null: it is over")
    reason: str | None = Field(description="What it waits for, or why it ended so")

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """Return a batch as it is shown."""
        return cls(**{name: getattr(batch, name) for name in cls.model_fields})
