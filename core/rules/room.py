"""The words of limits: what a call counts for, when there is room for it, and why not before."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.rules.headers import SeenLimits

NEVER = 1e18
"""A moment after all others."""


class Health(StrEnum):
    """Whether a credential may be used."""

    HEALTHY = "healthy"
    THROTTLED = "throttled"
    """A 429: nothing is sent until its wait has passed."""
    EXHAUSTED = "exhausted"
    """`insufficient_quota`: nothing is sent until its reset."""
    REVOKED = "revoked"
    """401 or 403: nothing is sent until a person changes something."""


class Reason(StrEnum):
    """What there is no room in."""

    RPM = "requests per minute"
    TPM = "tokens per minute"
    RPD = "requests per day"
    CONCURRENCY = "concurrency"


class Cost(NamedTuple):
    """What a call counts for."""

    requests: int = 1
    tokens: int = 0

    def plus(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(self.requests + other.requests, self.tokens + other.tokens)

    def minus(self, other: "Cost") -> "Cost":
        """Return what is left without the other."""
        return Cost(self.requests - other.requests, self.tokens - other.tokens)


NOTHING = Cost(0, 0)


class PastUse(NamedTuple):
    """A call of the past, as a restart finds it."""

    age_s: float
    tokens: int


class Rest(NamedTuple):
    """What a reply asks for after which a credential is to be left alone."""

    health: Health
    wait_s: float | None
    """The wait that the provider named."""
    reason: str
    """The provider's words."""


class Outcome(NamedTuple):
    """What a call that is over tells of the limits."""

    tokens: int | None = None
    """What it used; None: the estimate stands."""
    seen: SeenLimits = SeenLimits()
    """What the headers say."""
    failed: bool = False
    """The server broke down or did not answer in time: it may have too much to do."""
    rest: Rest | None = None
    """After a 429, an exhausted quota, or a 401 or 403."""


class Stamp(NamedTuple):
    """What an account knew when it granted room; tells what the reply to the call has counted."""

    at: float
    """When the call is sent."""
    granted: Cost
    """All that was granted so far, this call included."""
    ahead: Cost
    """What was under way before this call."""
    busy: bool
    """Whether calls follow each other as fast as the rate lets them."""


class Opening(NamedTuple):
    """The first moment at which there is room, and what it waits for."""

    at: float
    why: Reason | Health | None
    sure: bool = True
    """False when it depends on calls under way; nobody knows when these end."""
    reach: float = 0.0
    """How far ahead of that moment room may be reserved."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for a call that has not been settled yet."""

    owner: str
    cost: Cost


@dataclass(frozen=True)
class Room:
    """One limit of one credential."""

    used: int
    limit: int | None
    """As configured."""
    effective: int | None
    """As kept: less than configured where the provider said so."""
    provider_limit: int | None
    """As the provider last told it."""
