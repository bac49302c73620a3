"""Files of requests at a provider: what is under way there, and how far it has got."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, utc_now, words
from core.rules.batches import ENDED_BATCH, BatchState, Ending
from core.tables.work import sql_list


class Batch(Base):
    """A provider's batch: requests of one job to one model, sent as one file.

    It leases its requests in its own name, and outlives the workers that move it on.
    """

    __tablename__ = "batches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id"))
    credential: Mapped[str] = mapped_column(String(255))
    base_url: Mapped[str] = mapped_column(Text)
    """Where it is, whatever becomes of the model meanwhile."""
    state: Mapped[BatchState] = mapped_column(words(BatchState), default=BatchState.PREPARING)
    ending: Mapped[Ending | None] = mapped_column(words(Ending))
    allowed: Mapped[int]
    """Lines it may have."""
    lines: Mapped[int] = mapped_column(default=0)
    completed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    """Lines that the provider has ended, well or not, as it counts them."""
    file_id: Mapped[str | None] = mapped_column(String(255))
    """The provider's name of the uploaded file."""
    provider_id: Mapped[str | None] = mapped_column(String(255))
    """The provider's name of the batch."""
    provider_status: Mapped[str | None] = mapped_column(String(64))
    creating_at: Mapped[datetime | None]
    """When its creation was last asked for."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    submitted_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    cancel_asked_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    poll_at: Mapped[datetime | None]
    """When the next step is due. All waiting is here."""
    held_by: Mapped[str | None] = mapped_column(String(96))
    held_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    """Calls about it that failed in a row."""
    reason: Mapped[str | None] = mapped_column(Text)
    """What it waits for, or why it ended so, in the provider's words or ours."""

    __table_args__ = (
        CheckConstraint(
            f"(state IN ({sql_list(ENDED_BATCH)})) = (finished_at IS NOT NULL)",
            name="finished_at_iff_ended",
        ),
        CheckConstraint("(finished_at IS NULL) = (poll_at IS NOT NULL)", name="polled_iff_open"),
        CheckConstraint(
            "(state IN ('preparing', 'uploading', 'submitted')) = (ending IS NULL)",
            name="ending_iff_over",
        ),
        CheckConstraint(
            "state <> 'submitted' OR (provider_id IS NOT NULL AND submitted_at IS NOT NULL)",
            name="submitted_has_id",
        ),
        CheckConstraint("(held_by IS NULL) = (held_until IS NULL)", name="held_until_iff_held"),
        CheckConstraint("lines >= 0 AND lines <= allowed", name="lines_within_allowed"),
        Index("ix_batches_job", "job_id", "model_id", "created_at"),
        Index(
            "ix_batches_due",
            "poll_at",
            postgresql_where=text("poll_at IS NOT NULL"),
            sqlite_where=text("poll_at IS NOT NULL"),
        ),
        Index(
            "uq_batches_filling",
            "job_id",
            "model_id",
            unique=True,
            postgresql_where=text("state IN ('preparing', 'uploading')"),
            sqlite_where=text("state IN ('preparing', 'uploading')"),
        ),
    )
