"""Saved views, and the links that show one of them to whoever has them."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, utc_now
from core.tables.access import ApiKey
from core.tables.teams import OfTeam


class Dashboard(OfTeam, Base):
    """A saved view: a name, a selection of runs, and the panels."""

    __tablename__ = "dashboards"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(80))
    spec: Mapped[dict[str, Any]]
    """The `DashboardSpec`, as JSON."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts its changes, so that nobody overwrites what he has not seen."""
    created_by: Mapped[str] = mapped_column(String(64))
    """The name of the key that saved it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        UniqueConstraint("team_id", "name"),
        CheckConstraint("version > 0", name="version_positive"),
    )


class DashboardLink(OfTeam, Base):
    """A token that opens one view and nothing else; only its hash is kept.

    It opens nothing once it has expired or been revoked, or its key has been revoked.
    """

    __tablename__ = "dashboard_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    dashboard_id: Mapped[UUID] = mapped_column(
        ForeignKey("dashboards.id", ondelete="CASCADE"), index=True
    )
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the token, hex."""
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"))
    """The key that it was made with."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    key: Mapped[ApiKey] = relationship(lazy="raise")

    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_later"),)
