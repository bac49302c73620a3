"""Bodies of budgets, of jobs and of the team."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Body
from core.rules.budgets import MAX_REQUESTS, MAX_USD, Budget, Tally
from core.rules.money import dollars
from core.tables import TeamSpend

Usd = Annotated[float, Field(ge=0, le=MAX_USD)]
Requests = Annotated[int, Field(ge=0, le=MAX_REQUESTS)]


class SpendOut(BaseModel):
    """What has been spent, and what is set aside for calls under way."""

    spent_usd: float = Field(
        description="Calls whose end nobody heard are in it at the most that they can have cost"
    )
    reserved_usd: float = Field(description="The most that the calls under way can cost")
    attempts: int = Field(description="Calls so far, each retry one: what counts as requests")

    @staticmethod
    def figures(spent: Tally) -> dict[str, Any]:
        """Return sums as they are shown."""
        return {
            "spent_usd": dollars(spent.spent),
            "reserved_usd": dollars(spent.reserved),
            "attempts": spent.attempts,
        }


class BudgetOut(SpendOut):
    """What a job may spend, and what it has."""

    usd: float | None = Field(description="null: no bound")
    requests: int | None = Field(description="null: no bound")
    unheard_usd: float = Field(
        description="The part of what is spent that is possibly billed: nobody heard the cost"
    )

    @classmethod
    def of(cls, budget: Budget, spent: Tally, known_nano: int) -> Self:
        """Return a job's budget as it is shown; `known_nano` is what its calls told they cost."""
        return cls(
            usd=None if budget.nano is None else dollars(budget.nano),
            requests=budget.requests,
            unheard_usd=dollars(spent.spent - known_nano),
            **SpendOut.figures(spent),
        )


class BudgetChange(Body):
    """What a job may spend from now on; what is left out stays, null takes a bound away."""

    model_config = ConfigDict(json_schema_extra={"example": {"budget_usd": 10.0}})

    budget_usd: Usd | None = None
    budget_requests: Requests | None = None

    def given(self) -> dict[str, Any]:
        """Return only what was sent."""
        return self.model_dump(exclude_unset=True)


class MonthOut(SpendOut):
    """What a team spent in a month, by when its calls were sent."""

    month: str = Field(description="Such as 2026-11, in UTC")

    @classmethod
    def of(cls, spent: TeamSpend) -> Self:
        """Return a month as it is shown."""
        return cls(month=f"{spent.month:%Y-%m}", **SpendOut.figures(spent.tally))


class TeamChange(Body):
    """What the team may spend in a month; what is left out stays, null takes a bound away."""

    model_config = ConfigDict(json_schema_extra={"example": {"monthly_budget_usd": 200.0}})

    monthly_budget_usd: Usd | None = None
    monthly_budget_requests: Requests | None = None

    def given(self) -> dict[str, Any]:
        """Return only what was sent."""
        return self.model_dump(exclude_unset=True)
