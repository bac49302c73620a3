"""Whom the service tells of what happens, and what it has told: the outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId, utc_now, words
from core.rules.webhooks import OVER, DeliveryState, HookEvent
from core.tables.teams import OfTeam
from core.tables.work import sql_list


class Signing:
    """Secrets that sign messages, sealed by the vault."""

    secret: Mapped[str] = mapped_column(Text)
    old_secret: Mapped[str | None] = mapped_column(Text)
    """The one before, which signs too until `old_until`."""
    old_until: Mapped[datetime | None]


class Webhook(OfTeam, Signing, Base):
    """An address that is told what happens to a team's jobs."""

    __tablename__ = "webhooks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(200), default="")
    events: Mapped[list[Any] | None]
    """What it is told of; null: everything."""
    enabled: Mapped[bool] = mapped_column(default=True)
    trusted: Mapped[bool] = mapped_column(default=False)
    """Whether it is called wherever its address is: an operator named it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (Index("ix_webhooks_team_id", "team_id", "created_at", "id"),)


class JobSigner(OfTeam, Signing, Base):
    """What signs the messages to the addresses that a team's jobs name."""

    __tablename__ = "job_signers"

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)


class Delivery(OfTeam, Base):
    """A message to one address, written in the transaction that did what it tells of.

    Its id goes with every try, so that a receiver knows what it has already had.
    """

    __tablename__ = "deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    webhook_id: Mapped[UUID | None] = mapped_column(ForeignKey("webhooks.id"))
    """Null: it goes to the address that its job names."""
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))
    event: Mapped[HookEvent] = mapped_column(words(HookEvent))
    once: Mapped[str | None] = mapped_column(String(255), unique=True)
    """What happened, in words that no second telling of it may have; null: it happened in this
    very transaction."""
    body: Mapped[str] = mapped_column(Text)
    """As it is sent, byte for byte in UTF-8."""
    state: Mapped[DeliveryState] = mapped_column(words(DeliveryState), default=DeliveryState.DUE)
    tries: Mapped[int] = mapped_column(default=0)
    """Since it was last asked for, the one under way included."""
    not_before: Mapped[datetime]
    """When the next try is due. All waiting is here."""
    leased_by: Mapped[str | None] = mapped_column(String(96))
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            f"(state IN ({sql_list(OVER)})) = (finished_at IS NOT NULL)",
            name="finished_at_iff_over",
        ),
        CheckConstraint("(state = 'leased') = (leased_by IS NOT NULL)", name="leased_has_owner"),
        CheckConstraint("(leased_by IS NULL) = (leased_until IS NULL)", name="leased_has_end"),
        CheckConstraint("webhook_id IS NOT NULL OR job_id IS NOT NULL", name="goes_somewhere"),
        Index("ix_deliveries_webhook", "webhook_id", "created_at", "id"),
        Index("ix_deliveries_job", "job_id", "created_at", "id"),
        Index(
            "ix_deliveries_open",
            "not_before",
            postgresql_where=text("finished_at IS NULL"),
            sqlite_where=text("finished_at IS NULL"),
        ),
        Index("ix_deliveries_finished_at", "finished_at"),
    )


class DeliveryAttempt(Base):
    """One try at a delivery, and what came back."""

    __tablename__ = "delivery_attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("deliveries.id"), index=True)
    sent_at: Mapped[datetime]
    latency_s: Mapped[float | None]
    status: Mapped[int | None]
    """Null: no answer came."""
    error: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """The beginning of its body, verbatim."""
