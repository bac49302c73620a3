"""Details of errors: which quota was met, when to come back, and why a key is refused.

Google's QuotaFailure, RetryInfo and ErrorInfo, as aip.dev/193 has them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.rules.headers import duration_s

DAILY = "quota_per_day"
NONE_AT_ALL = "quota_of_nothing"
"""Words that a violated quota is known by in `faults`; ours, since its ids are many."""
RESET_HOUR = 8
"""Requests a day start again at midnight Pacific time (ai.google.dev/gemini-api/docs/rate-limits):
8:00 UTC in winter, an hour earlier in summer. Late by an hour is better than early."""


@dataclass(frozen=True)
class Told:
    """What the details of an error say."""

    words: tuple[str, ...] = ()
    wait_s: float | None = None


def told(details: Iterable[Mapping[str, Any]]) -> Told:
    """Return what a list of details says. Anthropic has one detail, with an `error_code`."""
    words: list[str] = []
    wait = None
    for detail in details:
        reason = detail.get("reason") or detail.get("error_code")
        delay = detail.get("retryDelay")
        if isinstance(reason, str):
            words.append(reason.casefold())
        if isinstance(delay, str):
            wait = duration_s(delay)
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            words += _met(violation)
    return Told(tuple(words), wait)


def until_midnight_s(now: datetime) -> float:
    """Return the seconds until requests a day start again."""
    reset = now.replace(hour=RESET_HOUR, minute=0, second=0, microsecond=0)
    return (reset - now if reset > now else reset + timedelta(days=1) - now).total_seconds()


def _met(violation: object) -> Iterator[str]:
    """Yield what a violated quota is."""
    if not isinstance(violation, dict):
        return
    name = f"{violation.get('quotaId')} {violation.get('quotaMetric')}".casefold()
    if "perday" in name or "per_day" in name:
        yield DAILY
    # A plan without access to a model has a quota of 0 for it: no wait ever helps.
    if str(violation.get("quotaValue")) == "0":
        yield NONE_AT_ALL
