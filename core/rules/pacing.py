"""How long calls take under a provider's limits, and behind what else waits for them."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from core.rules.limits import DAY_S, MINUTE_S
from core.rules.specs import Limits

DEFAULT_LATENCY_S = 10.0
"""Taken for a call of a model that has none behind it, where a limit on its rate is known: what a
hosted model takes for twenty small images. It matters only where concurrency is scarce."""


ASSUMED_CONCURRENCY = 32
"""Calls under way that are assumed where their best number is still to be found."""


class Bound(StrEnum):
    """The limit that decides how long a job takes."""

    RPM = "rpm"
    TPM = "tpm"
    RPD = "rpd"
    CONCURRENCY = "concurrency"
    BATCH = "batch"
    """Sent in files: a provider promises a time, and the limits on calls have no part in it."""
    UNKNOWN = "unknown"
    """No limit is known and no call was ever timed: nobody can tell."""


class Load(NamedTuple):
    """Calls to be made, and the tokens that they use together."""

    requests: int
    tokens: int

    def plus(self, other: "Load") -> "Load":
        """Return both together."""
        return Load(self.requests + other.requests, self.tokens + other.tokens)

    def first(self, requests: int) -> "Load":
        """Return so many of the calls, or all if there are fewer, with their share of tokens."""
        if requests >= self.requests:
            return self
        return Load(requests, round(self.tokens * requests / self.requests))


class Waiting(NamedTuple):
    """What another job still has to send to the same model."""

    priority: int
    load: Load


class Pacing(NamedTuple):
    """What a model allows, and how it has fared."""

    limits: Limits
    credentials: int
    latency_s: float | None
    """Of a call on average, as last observed."""
    used_today: int
    """Requests of the last 24 hours, as far as they matter: 0 without a limit on them."""
    window_s: float | None = None
    """Seconds in which a provider's batch is through at the latest; None: sent one by one."""


class Span(NamedTuple):
    """How long something takes, and what it waits for."""

    seconds: float | None
    bound_by: Bound


def ahead_of(own: Load, priority: int, waiting: Iterable[Waiting]) -> Load:
    """Return what is sent before a job of this priority is through.

    Of a higher priority all; of the same as much as its own, since slots are shared fairly; of a
    lower nothing.
    """
    total = Load(0, 0)
    for each in waiting:
        if each.priority > priority:
            total = total.plus(each.load)
        elif each.priority == priority:
            total = total.plus(each.load.first(own.requests))
    return total


def time_for(load: Load, pacing: Pacing) -> Span:
    """Return how long calls take; no time where nothing is known that would tell."""
    if pacing.window_s is not None:
        return Span(pacing.window_s, Bound.BATCH)
    limits = pacing.limits
    rated = any((limits.rpm, limits.tpm, limits.rpd))
    if pacing.latency_s is None and not rated:
        return Span(None, Bound.UNKNOWN)
    spans = _spans(load, pacing)
    seconds, bound_by = max(spans, key=lambda span: span.seconds or 0.0)
    return Span(round(seconds or 0.0, 3), bound_by)


def _spans(load: Load, pacing: Pacing) -> list[Span]:
    """Return how long each limit alone would take, those that are known."""
    limits, credentials = pacing.limits, pacing.credentials
    latency = DEFAULT_LATENCY_S if pacing.latency_s is None else pacing.latency_s
    at_once = (limits.concurrency or ASSUMED_CONCURRENCY) * credentials
    rounds = math.ceil(load.requests / at_once)
    spans = [Span(rounds * latency, Bound.CONCURRENCY)]
    for amount, limit, bound in (
        (load.requests, limits.rpm, Bound.RPM),
        (load.tokens, limits.tpm, Bound.TPM),
    ):
        if limit is not None:
            spans.append(Span(amount / (limit * credentials) * MINUTE_S + latency, bound))
    if limits.rpd is not None:
        a_day = limits.rpd * credentials
        over = load.requests - max(0, a_day - pacing.used_today)
        if over > 0:
            days = math.ceil(over / a_day)
            last = load.first(over - (days - 1) * a_day)
            without = pacing._replace(limits=limits.model_copy(update={"rpd": None}))
            rest = max(span.seconds or 0.0 for span in _spans(last, without))
            spans.append(Span(days * DAY_S + rest, Bound.RPD))
    return spans
