"""What workers say of themselves, and of the limits that they keep."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class Worker(Base):
    """A worker process that lives, or lived lately. It leases requests under this name."""

    __tablename__ = "workers"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    """Of gerbench."""
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    """When it ended in good order; null: it lives, or was killed."""
    ticked_at: Mapped[datetime | None]
    """When it last carried out a tick."""
    rescued: Mapped[int] = mapped_column(default=0)
    """Requests that it took back from workers that died."""
    spool_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of replies on its disk that no database has: they wait for it, or could not be read."""

    __table_args__ = (
        CheckConstraint("rescued >= 0", name="rescued_not_negative"),
        CheckConstraint("spool_bytes >= 0", name="spool_not_negative"),
    )


class Standing(Base):
    """How a model's limits stood when a worker that calls it last looked.

    Nothing is decided by it: limits are kept by the limiter, and this is what the API shows.
    """

    __tablename__ = "standings"

    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id"), primary_key=True)
    at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    """The `ModelStanding`, as JSON."""
