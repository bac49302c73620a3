"""Money, in billionths of a US dollar: whole numbers, so that sums are exact."""

from fractions import Fraction
from functools import lru_cache

from core.rules.readings import Usage
from core.rules.specs import Prices

NANO = 1_000_000_000
"""Billionths in a dollar."""
MILLION = 1_000_000


def cost_nano(prices: Prices | None, usage: Usage | None, *, share: float = 1.0) -> int | None:
    """Return what an exchange cost, or None where no price or no usage is known.

    `share` is the part of the prices that is asked: a provider's discount for batches.

    Prices are taken as the decimals they were written as, 0.1 as one tenth, and the exact cost is
    rounded once, a half upwards.
    """
    if prices is None or usage is None:
        return None
    given, per = _ratio(prices.input_per_mtok)
    got, each = _ratio(prices.output_per_mtok)
    cost = given * usage.prompt_tokens * each + got * usage.completion_tokens * per
    part, whole = _ratio(share)
    cost, divisor = cost * part, per * each * whole * MILLION
    return (2 * cost * NANO + divisor) // (2 * divisor)


@lru_cache(256)
def _ratio(price: float) -> tuple[int, int]:
    """Return a price as the fraction that its decimals are; every call asks for the same few."""
    return Fraction(str(price)).as_integer_ratio()


def dollars(nano: int) -> float:
    """Return an amount in dollars, for people and for JSON."""
    return nano / NANO


def nano(usd: float) -> int:
    """Return an amount that `dollars` gave as billionths again."""
    return round(usd * NANO)
