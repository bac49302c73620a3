"""How credentials stand with their providers, as workers last saw it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, words
from core.rules.room import Health


class Standing(Base):
    """One credential of one model: its health, what is used of its limits, what the provider told.

    Written by every worker that sends for the model; the newest sight stays. It decides nothing:
    the limiter does, and this is what people are shown of it.
    """

    __tablename__ = "standings"

    model_id: Mapped[UUID] = mapped_column(
        ForeignKey("models.id", ondelete="CASCADE"), primary_key=True
    )
    credential: Mapped[str] = mapped_column(String(4096), primary_key=True)
    """As limits and attempts record it: `env:KEY`, `file:PATH` or `anonymous`."""
    seen_at: Mapped[datetime]
    health: Mapped[Health] = mapped_column(words(Health))
    until: Mapped[datetime | None]
    """When it is healthy again by itself."""
    reason: Mapped[str | None] = mapped_column(Text)
    """The provider's words, where it is not healthy."""
    in_flight: Mapped[int]
    concurrency: Mapped[int]
    """Calls under way that are allowed: as configured, or as found so far."""
    rpm_used: Mapped[int]
    tpm_used: Mapped[int]
    rpd_used: Mapped[int]
    rpm_told: Mapped[int | None]
    """The limit that the provider last told, as the two below."""
    tpm_told: Mapped[int | None]
    rpd_told: Mapped[int | None]
    waits_until: Mapped[datetime | None]
    """When the model as a whole has room again, where that is not soon."""
    waits_for: Mapped[str | None] = mapped_column(String(500))
    """What there is no room in."""
