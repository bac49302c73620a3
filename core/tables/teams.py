"""Teams, and what it means that a row is one's: who shares it, and who pays for it."""

from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base

DEFAULT = "default"
"""The team that there always is."""
DEFAULT_ID = UUID("5a1d9c1e-6f1b-4d5e-9a55-7be1a2c0f001")
"""Its id, the same in every installation: what nobody's key makes is made for it."""


class Team(Base):
    """Those who share datasets, models, jobs and runs, and a monthly budget."""

    __tablename__ = "teams"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    monthly_budget_nano: Mapped[int | None] = mapped_column(BigInteger)
    """Billionths of a US dollar for a calendar month in UTC; null: no bound."""
    monthly_budget_requests: Mapped[int | None] = mapped_column(BigInteger)
    """Attempts in such a month; null: no bound."""

    __table_args__ = (
        CheckConstraint("monthly_budget_nano >= 0", name="dollars_not_negative"),
        CheckConstraint("monthly_budget_requests >= 0", name="requests_not_negative"),
    )


class OfTeam:
    """What belongs to one team; nobody else sees it."""

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))


class OfTeamOrAll:
    """What belongs to one team or, where there is none, to everyone."""

    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
