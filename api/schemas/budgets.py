"""Bodies of budgets, of jobs and of the team."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Body
from core.bodies.work import SpendOut
from core.rules.budgets import MAX_REQUESTS, MAX_USD, Tally
from core.rules.money import dollars
from core.spent import MonthOfModel, Spending
from core.tables import TeamSpend

Usd = Annotated[float, Field(ge=0, le=MAX_USD)]
Requests = Annotated[int, Field(ge=0, le=MAX_REQUESTS)]


def spend_of(spent: Tally) -> dict[str, Any]:
    """Return sums as they are shown."""
    return {
        "spent_usd": dollars(spent.spent),
        "reserved_usd": dollars(spent.reserved),
        "attempts": spent.attempts,
    }


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
        return cls(month=f"{spent.month:%Y-%m}", **spend_of(spent.tally))


class ModelMonthOut(MonthOut):
    """What a model cost in a month."""

    model: str = Field(description="Its name, also where it is in use no more")

    @classmethod
    def to(cls, spent: MonthOfModel) -> Self:
        """Return a model's month as it is shown."""
        return cls(month=f"{spent.month:%Y-%m}", model=spent.model, **spend_of(spent.tally))


class ModelSpendOut(BaseModel):
    """What a model has cost, by stored sums."""

    this_month: MonthOut
    total: SpendOut = Field(description="Of all months")

    @classmethod
    def of(cls, spending: Spending) -> Self:
        """Return a model's spending as it is shown."""
        return cls(
            this_month=MonthOut(month=f"{spending.month:%Y-%m}", **spend_of(spending.this_month)),
            total=SpendOut(**spend_of(spending.total)),
        )


class TeamChange(Body):
    """What the team may spend in a month; what is left out stays, null takes a bound away."""

    model_config = ConfigDict(json_schema_extra={"example": {"monthly_budget_usd": 200.0}})

    monthly_budget_usd: Usd | None = None
    monthly_budget_requests: Requests | None = None

    def given(self) -> dict[str, Any]:
        """Return only what was sent."""
        return self.model_dump(exclude_unset=True)
