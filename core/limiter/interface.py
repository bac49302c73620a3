"""What every limiter promises, in memory and in Redis."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from core.rules.headers import SeenLimits
from core.rules.room import (
    NEVER,
    Cost,
    Health,
    Opening,
    Outcome,
    PastUse,
    Reason,
    Rest,
    Room,
    Stamp,
)
from core.rules.specs import Limits

__all__ = [
    "Cost",
    "CredentialStatus",
    "Grant",
    "Health",
    "Limiter",
    "LimiterAway",
    "NeverFits",
    "Outcome",
    "PastUse",
    "Reserved",
    "Rest",
    "Room",
    "SeenLimits",
    "Wait",
]

SOONEST_S = 0.001
"""No wait is shorter, so that asking again is never a busy loop."""

REVOKED_WAIT_S = 60.0
"""When to ask again where only a person can help."""

TOLERANCE_S = 1e-6
"""What rounding may add to a moment."""


class LimiterAway(Exception):
    """The accounts cannot be reached: nothing can be reserved until they can."""


class NeverFits(Exception):
    """A call costs more than a limit allows at all: no wait helps, a smaller call does."""


@dataclass(frozen=True)
class Grant:
    """Room for one call, with one credential, from a moment on."""

    id: str
    credential: str
    delay_s: float
    """Send when so many seconds have passed; from 0 to the horizon that was asked for."""
    cost: Cost
    stamp: Stamp
    """The limiter's own; hand it back as it is."""


@dataclass(frozen=True)
class Wait:
    """No room, and nothing reserved."""

    delay_s: float
    """Ask again when so many seconds have passed, or when one of your calls ends."""
    reason: str
    """For people."""


@dataclass(frozen=True)
class Reserved:
    """What there was room for, of the calls that were asked for: the first of them."""

    grants: Sequence[Grant]
    wait: Wait | None
    """Why there are not more; None when all were granted, or the next one may never fit."""


@dataclass(frozen=True)
class CredentialStatus:
    """How a credential of a model stands."""

    credential: str
    health: Health
    until: datetime | None
    """When it is healthy again by itself; None when it is healthy, or revoked."""
    reason: str | None
    """The provider's words, where it is not healthy."""
    in_flight: int
    owners: Mapping[str, int]
    """Calls under way of each owner."""
    concurrency: int
    """As configured, or as found so far."""
    rpm: Room
    tpm: Room
    rpd: Room
    pace_rpm: float
    """Requests a minute that are sent at present when the provider does not say what remains."""


class Limiter(Protocol):
    """Room under the limits of a provider. All seconds are durations: clocks stay inside.

    A call is settled or released exactly once; one that is not is settled when its time to live,
    which runs from the moment it was to be sent, has passed. Safe to use from any thread or
    event loop that the implementation was made for. Every operation may raise LimiterAway.
    """

    async def reserve(
        self,
        model: str,
        limits: Limits,
        credentials: Sequence[str],
        costs: Sequence[Cost],
        *,
        owner: str,
        horizon_s: float,
        ttl_s: float,
    ) -> Reserved:
        """Reserve room for calls, each in every limit at once, at most `horizon_s` ahead.

        They are granted in their order, up to the first for which there is no room. Of the
        credentials the one with the earliest moment is taken, of equals the least used. Raises
        NeverFits when the first costs more than any credential's limit allows at all.
        """
        ...

    async def settle(self, model: str, grant: Grant, outcome: Outcome) -> None:
        """Count a call that was sent from now on, when its reply or failure has just come.

        Learn from what the reply's headers say, and rest the credential where the reply asks for
        that. The grant tells what the provider had counted, so late replies do no harm.
        """
        ...

    async def release(self, model: str, grant: Grant) -> None:
        """Give back the room of a call that was never sent."""
        ...

    async def penalize(self, model: str, credential: str, rest: Rest) -> None:
        """Rest a credential for another reason than a call's end."""
        ...

    async def reinstate(self, model: str, credential: str) -> None:
        """Use a credential again, without prejudice: a person changed it, or the model."""
        ...

    async def restore(
        self, model: str, limits: Limits, credential: str, past: Sequence[PastUse]
    ) -> None:
        """Count the calls of the last day, as read from the attempts, after a restart.

        Does nothing if the limiter has counted calls of this credential itself.
        """
        ...

    async def status(
        self, model: str, limits: Limits, credentials: Sequence[str]
    ) -> list[CredentialStatus]:
        """Return how each credential stands."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def refusal(openings: Iterable[tuple[str, Opening]], cost: Cost, now: float) -> Wait:
    """Return the wait until the first of the openings, given by credential, may be asked for.

    Raises NeverFits when none ever will.
    """
    credential, first = min(openings, key=lambda pair: pair[1].at - pair[1].reach)
    if first.at >= NEVER and isinstance(first.why, Reason):
        raise NeverFits(_too_much(first.why, cost))
    if first.at >= NEVER:
        return Wait(REVOKED_WAIT_S, "every credential is revoked")
    delay = max(SOONEST_S, first.at - first.reach - now)
    if isinstance(first.why, Health):
        return Wait(delay, f"{credential} is {first.why} until {_moment(first.at - now)}")
    return Wait(delay, str(first.why or Reason.CONCURRENCY))


def until(seconds: float) -> datetime:
    """Return the moment so many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _moment(seconds: float) -> str:
    return f"{until(seconds):%Y-%m-%d %H:%M:%S} UTC"


def _too_much(why: Reason, cost: Cost) -> str:
    if why is Reason.TPM:
        return f"a request of {cost.tokens} tokens is more than the limit of {why} allows at all"
    return f"{cost.requests} requests at once are more than the limit of {why} allows at all"
