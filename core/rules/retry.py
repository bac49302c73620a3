"""When an attempt that failed is tried again, and how often."""

BASE_DELAY_S = 1.0
"""Longest wait after the first failure."""
MAX_DELAY_S = 60.0
"""Longest wait that we choose ourselves."""
MAX_NAMED_DELAY_S = 3600.0
"""Longest wait that we take a provider's word for; a daily limit is asked about again hourly."""

MAX_FAILURES = 6
"""Server errors, timeouts, resets and malformed replies a request survives: half a minute of them.

The sixth ends it. The waits between add up to at most 1 + 2 + 4 + 8 + 16 = 31 s.
"""
MAX_THROTTLES = 100
"""429s a request survives. They cost nothing and say nothing of the request, so many are allowed,
but not without end: a limit that never opens must become visible."""
MAX_REFUSALS = 3
"""Refusals a single sample survives. Refusing is stochastic, so one refusal proves little; each
further try is paid for, and after three the answer is that it is refused."""


def delay(*, failures: int, retry_after_s: float | None, seed: float) -> float:
    """Return the wait in seconds before the next attempt, after `failures` (1 or more) in a row.

    A wait that the provider names is believed, up to an hour; 0 names none, since gateways send it
    by default. Else the wait doubles from `BASE_DELAY_S` to `MAX_DELAY_S`, and `seed`, in [0, 1),
    picks a point in its upper half: requests that failed together do not come back together.
    """
    if retry_after_s is not None and retry_after_s > 0:
        return min(retry_after_s, MAX_NAMED_DELAY_S)
    doublings = min(max(failures, 1) - 1, 10)
    longest = min(BASE_DELAY_S * 2.0**doublings, MAX_DELAY_S)
    return longest * (1.0 + seed) / 2.0
