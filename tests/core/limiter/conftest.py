"""Both limiters, in virtual time."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest

from core.limiter.interface import (
    Cost,
    Grant,
    Health,
    Limiter,
    Outcome,
    Rest,
    SeenLimits,
    Wait,
)
from core.limiter.memory import MemoryLimiter
from core.limiter.redis import PREFIX, RedisLimiter
from core.rules.specs import Limits

START = 1_700_000_000.0
Clock = Callable[[], float]
NOTHING_SEEN = SeenLimits()


async def reserve_one(
    limiter: Limiter,
    model: str,
    limits: Limits,
    credentials: Sequence[str],
    tokens: int = 0,
    **terms: Any,
) -> Grant | Wait:
    """Ask for room for one call."""
    reserved = await limiter.reserve(model, limits, credentials, [Cost(tokens=tokens)], **terms)
    if reserved.grants:
        return reserved.grants[0]
    assert reserved.wait is not None
    return reserved.wait


class Bench:
    """A limiter under test, its time, and a model of its own; asks with one credential, or more."""

    def __init__(self, make: Callable[[Clock], Limiter]) -> None:
        self.now = START
        self.limiter = make(lambda: self.now)
        self.model = uuid4().hex
        self.limits = Limits(rpm=60, concurrency=32)
        self.credentials: tuple[str, ...] = ("key",)

    async def reserve(
        self, tokens: int = 0, *, horizon: float = 0.0, ttl: float = 120.0, owner: str = "me"
    ) -> Grant | Wait:
        return await reserve_one(
            self.limiter,
            self.model,
            self.limits,
            self.credentials,
            tokens,
            owner=owner,
            horizon_s=horizon,
            ttl_s=ttl,
        )

    async def grant(self, tokens: int = 0, *, horizon: float = 0.0, ttl: float = 120.0) -> Grant:
        room = await self.reserve(tokens, horizon=horizon, ttl=ttl)
        assert isinstance(room, Grant), room
        return room

    async def wait(self, tokens: int = 0, *, horizon: float = 0.0) -> Wait:
        room = await self.reserve(tokens, horizon=horizon)
        assert isinstance(room, Wait), room
        return room

    async def settle(
        self,
        grant: Grant,
        tokens: int | None = None,
        *,
        seen: SeenLimits = NOTHING_SEEN,
        rest: Rest | None = None,
    ) -> None:
        await self.limiter.settle(self.model, grant, Outcome(tokens, seen, rest=rest))

    async def penalize(self, health: Health, wait: float | None, reason: str) -> None:
        await self.limiter.penalize(self.model, "key", Rest(health, wait, reason))

    async def use(self, calls: int, tokens: int = 0) -> None:
        """Make calls that are answered at once, as soon as each may go."""
        for _ in range(calls):
            room = await self.reserve(tokens)
            while isinstance(room, Wait):
                self.now += room.delay_s
                room = await self.reserve(tokens)
            await self.settle(room)


async def remove(url: str, model: str) -> None:
    """Delete what a test left in Redis."""
    limiter = RedisLimiter(url)
    async for key in limiter._client.scan_iter(f"{PREFIX}{{{model}*"):
        await limiter._client.delete(key)
    await limiter.close()


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A limiter of each kind."""
    if request.param == "memory":
        yield Bench(MemoryLimiter)
        return
    url: str = request.getfixturevalue("redis_url")
    bench = Bench(lambda clock: RedisLimiter(url, clock))
    yield bench
    await bench.limiter.close()
    await remove(url, bench.model)
