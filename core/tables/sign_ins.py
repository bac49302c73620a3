"""Browsers that are signed in, and the links that sign one in."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, utc_now, words


class SignInKind(StrEnum):
    """What the holder of a token may do with it."""

    SESSION = "session"
    """Call the API as the key would, from one browser."""
    LINK = "link"
    """Begin one session, once."""


class SignIn(Base):
    """A token that stands for a key in a browser; only its hash is kept.

    It opens nothing once it has ended or expired, or its key has been revoked.
    """

    __tablename__ = "sign_ins"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the token, hex."""
    kind: Mapped[SignInKind] = mapped_column(words(SignInKind))
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    """When its holder signed out, or the link was used."""

    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_later"),)
