"""What a provider's response headers say about limits. Whatever they hold, nothing here raises."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST = 1e15
"""Figures beyond this are nonsense."""

ANTHROPIC = "anthropic-ratelimit-"

_PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|s|m|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Seen:
    """What one reply said about one limit; None where it said nothing that makes sense."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None

    @property
    def daily(self) -> bool:
        """Tell whether this limit must be one a day, not one a minute.

        The provider does not name the period. No minute ends later than two minutes from now, and
        a bucket's time to full, over what is missing from it, is the time that one unit takes:
        `limit` of these make the period. What is over within a minute is never called a day: that
        figure is by chance a day's in a window of 10,000 a minute once seven of them are used.
        """
        if self.reset_s is None or self.reset_s <= 61:  # noqa: PLR2004 - a minute, and a second
            return False
        if self.reset_s > 120:  # noqa: PLR2004 - two minutes, as said above
            return True
        if not self.limit or self.remaining is None or self.remaining >= self.limit:
            return False
        period = self.reset_s * self.limit / (self.limit - self.remaining)
        return math.isclose(period, 86_400, rel_tol=0.02)


@dataclass(frozen=True)
class SeenLimits:
    """What one reply said about the limits on requests and on tokens."""

    requests: Seen = Seen()
    tokens: Seen = Seen()
    project_tokens: Seen = Seen()
    """The project's share of the tokens, where the provider counts that apart."""

    @property
    def scarcest_tokens(self) -> Seen:
        """Return that limit on tokens which leaves less."""
        if self.project_tokens.remaining is None:
            return self.tokens
        if self.tokens.remaining is None:
            return self.project_tokens
        return min(self.tokens, self.project_tokens, key=lambda seen: seen.remaining or 0)


def seen_limits(headers: Mapping[str, str], now: datetime) -> SeenLimits:
    """Return what headers, their names in lower case, say about limits.

    OpenAI's are `x-ratelimit-<figure>-<kind>`, and resets are waits. Anthropic's are
    `anthropic-ratelimit-<kind>-<figure>`, and resets are moments in RFC 3339
    (docs.anthropic.com/en/api/rate-limits).
    """
    if any(name.startswith(ANTHROPIC) for name in headers):
        return SeenLimits(_moments(headers, "requests", now), _anthropic_tokens(headers, now))
    return SeenLimits(
        _seen(headers, "requests"), _seen(headers, "tokens"), _seen(headers, "project-tokens")
    )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait in seconds that a reply names: milliseconds first, then seconds or a date.

    A moment that has passed, or a negative wait, is 0; nonsense is None.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    return None if value is None else _until(value, now)


def duration_s(text: str) -> float | None:
    """Return the seconds that a duration like `17ms`, `6m0s` or `20.5` names."""
    plain = text.strip().lower()
    number = _number(plain)
    if number is not None:
        return max(0.0, number)
    parts = _PART.findall(plain)
    if not parts or "".join(amount + unit for amount, unit in parts) != plain:
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)


def _seen(headers: Mapping[str, str], kind: str) -> Seen:
    limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
    remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
    reset = headers.get(f"x-ratelimit-reset-{kind}")
    return Seen(
        int(limit) if limit is not None and limit >= 1 else None,
        max(0, int(remaining)) if remaining is not None else None,
        duration_s(reset) if reset is not None else None,
    )


def _anthropic_tokens(headers: Mapping[str, str], now: datetime) -> Seen:
    """Return the limit on tokens that leaves least.

    `tokens` counts input and output together, as we do. Input alone is part of that, so what it
    leaves bounds the whole. Output alone is a small part: it stops everything when nothing of it is
    left, and says little before.
    """
    kinds = ("tokens", "input-tokens", "output-tokens")
    both, prompt, completion = (_moments(headers, kind, now) for kind in kinds)
    if completion.remaining == 0:
        return Seen(both.limit, 0, completion.reset_s)
    told = [seen for seen in (both, prompt) if seen.remaining is not None]
    return min(told, key=lambda seen: seen.remaining or 0, default=both)


def _moments(headers: Mapping[str, str], kind: str, now: datetime) -> Seen:
    limit = _number(headers.get(f"{ANTHROPIC}{kind}-limit"))
    remaining = _number(headers.get(f"{ANTHROPIC}{kind}-remaining"))
    reset = headers.get(f"{ANTHROPIC}{kind}-reset")
    return Seen(
        int(limit) if limit is not None and limit >= 1 else None,
        max(0, int(remaining)) if remaining is not None else None,
        _until_moment(reset, now) if reset is not None else None,
    )


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if abs(number) <= MOST else None


def _until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _until_moment(value: str, now: datetime) -> float | None:
    try:
        moment = datetime.fromisoformat(value.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError):
        return None
