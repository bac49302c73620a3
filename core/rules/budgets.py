"""Budgets: whether a call fits, what an attempt counts as, and what to say when none fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from http import HTTPStatus

from core.errors import InvalidInput
from core.rules.money import NANO
from core.vocabulary import Result

MAX_USD = 1_000_000_000.0
"""What 64 bits of billionths hold, with room to add."""
MAX_REQUESTS = 2**53
"""What every reader of JSON tells apart."""

NOT_BILLED = frozenset(
    {
        Result.RATE_LIMITED,
        Result.QUOTA,
        Result.UNAUTHORIZED,
        Result.SERVER_ERROR,
        Result.REJECTED,
        Result.WITHDRAWN,
    }
)
"""Ends of an attempt that cost nothing, unless the provider counted tokens for it."""

RAISE_JOB = "raise it with PATCH /v1/jobs/{id} or `gerbench jobs budget {id} --usd N`, then resume"
RAISE_TEAM = "raise it with PATCH /v1/team or `gerbench teams budget --usd N`, then resume"


class Whose(StrEnum):
    """Whose budget it is."""

    JOB = "job"
    TEAM = "team"
    """Of a month, for all of its jobs."""


class Fit(Enum):
    """Whether a budget has room for a call."""

    NOW = "now"
    LATER = "later"
    """What calls under way have reserved may come back, and would be enough."""
    NEVER = "never"
    """Not even then; only a person can make room."""


@dataclass(frozen=True)
class Budget:
    """What may be spent, in billionths of a dollar and in attempts; None: no bound."""

    nano: int | None = None
    requests: int | None = None

    @property
    def bounds(self) -> bool:
        """Tell whether there is any bound."""
        return self.nano is not None or self.requests is not None


@dataclass
class Tally:
    """What has been spent of a budget, is reserved for calls under way, and how often."""

    spent: int = 0
    reserved: int = 0
    attempts: int = 0

    def fit(self, budget: Budget, most: int | None) -> Fit:
        """Tell whether a call fits that costs `most` at most; None: it has no price."""
        if budget.requests is not None and self.attempts >= budget.requests:
            return Fit.NEVER
        if budget.nano is None:
            return Fit.NOW
        if most is None or self.spent + most > budget.nano:
            return Fit.NEVER
        return Fit.NOW if self.spent + self.reserved + most <= budget.nano else Fit.LATER

    def add(self, spent: int, reserved: int, attempts: int) -> None:
        """Add to each of the sums."""
        self.spent += spent
        self.reserved += reserved
        self.attempts += attempts

    def __add__(self, other: "Tally") -> "Tally":
        """Return the sums of both."""
        return Tally(
            self.spent + other.spent,
            self.reserved + other.reserved,
            self.attempts + other.attempts,
        )

    @property
    def columns(self) -> dict[str, int]:
        """Return the sums by the names of their columns."""
        return {
            "spent_nano": self.spent,
            "reserved_nano": self.reserved,
            "attempts": self.attempts,
        }


def counted(result: Result, cost: int | None, reserved: int) -> tuple[int, int]:
    """Return what a stored attempt counts as spent, and as reserved."""
    if result is Result.SENT:
        return 0, reserved
    return (cost or 0) + reserved, 0


def kept(result: Result, status: int | None, reserved: int, *, connected: bool) -> int:
    """Return what of its reservation an attempt keeps that has ended and whose cost is not known.

    All of it where the call may have been billed: nobody heard the whole reply, or it tells no
    usage. Nothing where the provider turned it away, or never got it.
    """
    succeeded = status is None or HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    billed = connected and succeeded and result not in NOT_BILLED
    return reserved if billed else 0


def month_of(moment: datetime) -> date:
    """Return the first day of the month that a moment in UTC is in."""
    return moment.date().replace(day=1)


def check_prices(names: Sequence[str], whose: str) -> None:
    """Raise InvalidInput for models without prices, which no budget in dollars can hold."""
    if names:
        raise InvalidInput(
            f"{whose} budget in dollars cannot hold a model without prices: set those of"
            f" {', '.join(names)} with PATCH /v1/models/{{name}} or `gerbench models change`, to 0"
            " where calls are free, or bound the number of requests instead"
        )


def money(nano: int) -> str:
    """Return an amount as people write it, exactly: at least cents, and no zeros after them."""
    whole, _, part = f"{Decimal(nano) / NANO:,.9f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"


def why(budget: Budget, tally: Tally, most: int | None, *, whose: str, how: str) -> str:
    """Return why a call does not fit, and what to do about it."""
    if budget.requests is not None and tally.attempts >= budget.requests:
        return (
            f"{whose} of {budget.requests:,} requests reached: {tally.attempts:,} were sent; {how}"
        )
    if most is None:
        return f"the model has no prices, so no {whose} in dollars can hold it; set them, or {how}"
    return (
        f"{whose} of {money(budget.nano or 0)} reached: {money(tally.spent)} spent,"
        f" the next call may cost {money(most)}; {how}"
    )
