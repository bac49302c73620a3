"""Money, in billionths of a US dollar: whole numbers, so that sums are exact."""

from fractions import Fraction
from math import floor

from core.rules.readings import Usage
from core.rules.specs import Prices

NANO = 1_000_000_000
"""Billionths in a dollar."""


def cost_nano(prices: Prices | None, usage: Usage | None, *, share: float = 1.0) -> int | None:
    """Return what an exchange cost, or None where no price or no usage is known.

    `share` is the part of the prices that is asked: a provider's discount for batches.

    Prices are taken as the decimals they were written as, 0.1 as one tenth, and the exact cost is
    rounded once, a half upwards.
    """
    if prices is None or usage is None:
        return None
    per_million = (
        Fraction(str(prices.input_per_mtok)) * usage.prompt_tokens
        + Fraction(str(prices.output_per_mtok)) * usage.completion_tokens
    )
    per_million *= Fraction(str(share))
    return floor(per_million * NANO / 1_000_000 + Fraction(1, 2))


def dollars(nano: int) -> float:
    """Return an amount in dollars, for people and for JSON."""
    return nano / NANO


def nano(usd: float) -> int:
    """Return an amount that `dollars` gave as billionths again."""
    return round(usd * NANO)
