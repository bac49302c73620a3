"""What part of a provider's limits is a team's."""

from math import floor

from core.rules.specs import Limits


def part(limits: Limits, share: float) -> Limits:
    """Return a share (0 to 1) of some limits: rounded down, but one at least. None stays None."""
    if share == 1:
        return limits
    each = limits.model_dump(exclude_none=True)
    return Limits(**{name: max(1, floor(most * share)) for name, most in each.items()})
