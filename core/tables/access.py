"""Who may call the API, and who did what with it."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId, utc_now, words
from core.tables.teams import OfTeam
from core.vocabulary import Role


class ApiKey(OfTeam, Base):
    """A key somebody calls the API with; only its hash is kept."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64))
    """Whose it is, or what for; any number of keys may have it."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the key, hex: keys are random and long, so a slow hash adds nothing."""
    role: Mapped[Role] = mapped_column(words(Role))
    operator: Mapped[bool] = mapped_column(default=False)
    """Whether it may make teams, keys for them, and what is everyone's."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The key it was made with; null: the service itself made it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute: it is written in the background."""
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("NOT operator OR role = 'admin'", name="operator_is_admin"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
    )


class AuditEntry(OfTeam, Base):
    """Something that was done with a key; never changed, never deleted."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"))
    key_name: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    """The operation's name in the OpenAPI document, such as `cancel_job`."""
    object: Mapped[str] = mapped_column(String(255))
    """The id or name of what it was done to."""
    details: Mapped[dict[str, Any]]
    """What else there is to know; never a secret."""
    at: Mapped[datetime]

    __table_args__ = (Index("ix_audit_team_id", "team_id", "id"),)
