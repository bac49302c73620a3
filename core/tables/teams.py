"""Teams, and what it means that a row is one's: who shares it, and who pays for it."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base
from core.rules.budgets import Tally

DEFAULT = "default"
"""The team that there always is."""
DEFAULT_ID = UUID("5a1d9c1e-6f1b-4d5e-9a55-7be1a2c0f001")
"""Its id, the same in every installation: what nobody's key makes is made for it."""


class Team(Base):
    """Those who share datasets, models, jobs and runs, a monthly budget, and a part of limits."""

    __tablename__ = "teams"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    monthly_budget_nano: Mapped[int | None] = mapped_column(BigInteger)
    """Billionths of a US dollar for a calendar month in UTC; null: no bound."""
    monthly_budget_requests: Mapped[int | None] = mapped_column(BigInteger)
    """Attempts in such a month; null: no bound."""
    rate_share: Mapped[float] = mapped_column(default=1.0, server_default="1")
    """The part of the limits of its models that its calls are held to."""

    __table_args__ = (
        CheckConstraint("monthly_budget_nano >= 0", name="dollars_not_negative"),
        CheckConstraint("monthly_budget_requests >= 0", name="requests_not_negative"),
        CheckConstraint("rate_share > 0 AND rate_share <= 1", name="share_is_a_part"),
    )


class OfTeam:
    """What belongs to one team; nobody else sees it."""

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))


class OfTeamOrAll:
    """What belongs to one team or, where there is none, to everyone."""

    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))


class Spent:
    """Sums over attempts, changed in the transactions that change these; see `core.spending`.

    A row is made with the first attempt. It may be computed anew from the attempts at any time.
    """

    spent_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of attempts that have ended, what nobody heard the cost of counted at its most."""
    reserved_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of attempts under way: the most that they can cost."""
    attempts: Mapped[int] = mapped_column(BigInteger, default=0)
    """Attempts begun."""

    @property
    def tally(self) -> Tally:
        """Return the sums as a value."""
        return Tally(self.spent_nano, self.reserved_nano, self.attempts)


class JobSpend(Spent, Base):
    """What a job has spent."""

    __tablename__ = "job_spend"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), primary_key=True)


class TeamSpend(Spent, Base):
    """What a team has spent on attempts that were sent in one month."""

    __tablename__ = "team_spend"

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day, in UTC."""


class ModelSpend(Spent, Base):
    """What calls of a model that were sent in one month have cost; its team is the model's."""

    __tablename__ = "model_spend"

    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day, in UTC."""
