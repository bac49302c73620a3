"""A provider, and a caller that a limiter holds back, in virtual time.

The provider counts strictly, in its own way; it turns away what is too much and says so.
"""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Protocol
from uuid import uuid4

from core.limiter.interface import Grant, Health, Limiter, Outcome, Rest, SeenLimits
from core.rules.headers import Seen
from core.rules.specs import Limits
from tests.core.limiter.conftest import reserve_one

PERIOD = 60.0


class Count(Protocol):
    """A provider's way to count an amount against a limit."""

    def room(self, now: float) -> float:
        """Return what is left."""
        ...

    def take(self, now: float, amount: float) -> None:
        """Count an amount."""
        ...

    def reset(self, now: float) -> float:
        """Return the seconds that the headers name."""
        ...


class Sliding:
    """Counts the last minute to the moment; the reset is when all of it is free again."""

    def __init__(self, limit: float) -> None:
        self.limit, self.taken, self.total = limit, deque[tuple[float, float]](), 0.0

    def room(self, now: float) -> float:
        while self.taken and self.taken[0][0] + PERIOD <= now:
            self.total -= self.taken.popleft()[1]
        return self.limit - self.total

    def take(self, now: float, amount: float) -> None:
        self.taken.append((now, amount))
        self.total += amount

    def reset(self, now: float) -> float:
        return self.taken[-1][0] + PERIOD - now if self.taken else 0.0


class Fixed:
    """Counts from zero again at every full minute after `phase`."""

    def __init__(self, limit: float, phase: float) -> None:
        self.limit, self.phase, self.window, self.total = limit, phase, -1.0, 0.0

    def room(self, now: float) -> float:
        window = (now + self.phase) // PERIOD
        if window != self.window:
            self.window, self.total = window, 0.0
        return self.limit - self.total

    def take(self, now: float, amount: float) -> None:
        self.room(now)
        self.total += amount

    def reset(self, now: float) -> float:
        return PERIOD - (now + self.phase) % PERIOD


class Bucket:
    """Refills evenly, a limit a minute, up to a burst that may be far less."""

    def __init__(self, limit: float, burst: float) -> None:
        self.limit, self.burst, self.level, self.at = limit, burst, burst, 0.0

    def room(self, now: float) -> float:
        self.level = min(self.burst, self.level + (now - self.at) * self.limit / PERIOD)
        self.at = now
        return self.level + 1e-9

    def take(self, now: float, amount: float) -> None:
        self.room(now)
        self.level -= amount

    def reset(self, now: float) -> float:
        return (self.burst - self.room(now)) * PERIOD / self.limit


@dataclass
class Provider:
    """What stands at the other end."""

    requests: Count
    tokens: Count | None = None
    headers: bool = True
    """Whether replies say what remains; a 429 then also names its wait."""
    foreign_rpm: float = 0.0
    """Requests that others make with the same credential, evenly."""
    limits: tuple[int | None, int | None] = (None, None)
    """Of requests and tokens, as the headers name them."""
    let_in: list[tuple[float, int]] = field(default_factory=list)
    turned_away: list[float] = field(default_factory=list)
    _foreign_at: float = 0.0

    def ask(self, now: float, tokens: int) -> tuple[bool, SeenLimits]:
        """Count a request that arrives, or turn it away."""
        while self.foreign_rpm and self._foreign_at <= now:
            if self.requests.room(self._foreign_at) >= 1:
                self.requests.take(self._foreign_at, 1)
            self._foreign_at += PERIOD / self.foreign_rpm
        good = self.requests.room(now) >= 1
        good = good and (self.tokens is None or self.tokens.room(now) >= tokens)
        if good:
            self.requests.take(now, 1)
            if self.tokens is not None:
                self.tokens.take(now, tokens)
            self.let_in.append((now, tokens))
        else:
            self.turned_away.append(now)
        return good, self._says(now)

    def _says(self, now: float) -> SeenLimits:
        if not self.headers:
            return SeenLimits()
        said = [
            Seen(limit, int(count.room(now)), count.reset(now)) if count else Seen()
            for count, limit in zip((self.requests, self.tokens), self.limits, strict=True)
        ]
        return SeenLimits(*said)


@dataclass
class Course:
    """How a simulation went."""

    seconds: float
    sent: int
    turned_away: int
    asked: int
    """Reservations asked for."""


class Simulation:
    """A caller with so many requests to make, one of them asking for room at a time."""

    def __init__(
        self,
        make_limiter: Callable[[Callable[[], float]], Limiter],
        provider: Provider,
        limits: Limits,
        *,
        requests: int,
        cost: Callable[[Random], int] = lambda _: 0,
        latency: Callable[[Random], tuple[float, float]] = lambda _: (0.025, 0.025),
        horizon: float = 2.0,
        seed: int = 0,
        start: float = 1000.0,
        used: Callable[[int], int] = lambda tokens: tokens,
    ) -> None:
        self.now = self.start = start
        self.limiter = make_limiter(lambda: self.now)
        self.provider, self.limits = provider, limits
        self.random, self.horizon = Random(seed), horizon
        self.latency = latency
        self.used = used
        self.left = deque(cost(self.random) for _ in range(requests))
        self.total = requests
        self.done = self.asked = 0
        self._events: list[tuple[float, int, str, tuple[object, ...]]] = []
        self.model = uuid4().hex
        self._numbers = itertools.count()
        self._asking = 0

    async def run(self, *, until: float = 1e6) -> Course:
        """Make every request, or as many as fit into so many seconds."""
        self._ask_in(0.0)
        while self._events and self.done < self.total and self.now - self.start < until:
            at, _, name, arguments = heappop(self._events)
            self.now = max(self.now, at)
            await getattr(self, f"on_{name}")(*arguments)
        sent = len(self.provider.let_in)
        return Course(self.now - self.start, sent, len(self.provider.turned_away), self.asked)

    async def on_ask(self, number: int) -> None:
        """Ask for room until there is none; then wait as told, or until a call ends."""
        if number != self._asking:
            return
        while self.left:
            self.asked += 1
            room = await reserve_one(
                self.limiter,
                self.model,
                self.limits,
                ["key"],
                self.left[0],
                owner="simulation",
                horizon_s=self.horizon,
                ttl_s=300,
            )
            if not isinstance(room, Grant):
                self._ask_in(room.delay_s)
                return
            up, down = self.latency(self.random)
            self._after(room.delay_s + up, "arrive", self.left.popleft(), room, down)

    async def on_arrive(self, tokens: int, grant: Grant, down: float) -> None:
        """Have the provider count a request."""
        good, seen = self.provider.ask(self.now - self.start, tokens)
        self._after(down, "reply", tokens, grant, good, seen)

    async def on_reply(self, tokens: int, grant: Grant, good: bool, seen: SeenLimits) -> None:
        """Settle a call."""
        outcome = Outcome(self.used(tokens), seen)
        if not good:
            outcome = Outcome(None, seen, rest=Rest(Health.THROTTLED, None, "429"))
        await self.limiter.settle(self.model, grant, outcome)
        if good:
            self.done += 1
        else:
            self.left.append(tokens)
        self._ask_in(0.0)

    def _ask_in(self, seconds: float) -> None:
        self._asking = next(self._numbers)
        self._after(seconds, "ask", self._asking)

    def _after(self, seconds: float, name: str, *arguments: object) -> None:
        heappush(self._events, (self.now + seconds, next(self._numbers), name, arguments))
