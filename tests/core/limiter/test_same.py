"""The two limiters are one: whatever is asked of them, they answer the same."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.limiter.interface import (
    Cost,
    Grant,
    Health,
    Limiter,
    NeverFits,
    Outcome,
    Rest,
    Wait,
)
from core.limiter.memory import MemoryLimiter
from core.limiter.redis import RedisLimiter
from core.rules.headers import Seen, SeenLimits
from core.rules.room import PastUse
from core.rules.specs import Limits
from tests.core.limiter.conftest import START, remove, reserve_one

CREDENTIALS = ("env:A", "env:B")

limits = st.builds(
    Limits,
    rpm=st.none() | st.integers(1, 200),
    tpm=st.none() | st.integers(1, 100_000),
    rpd=st.none() | st.integers(1, 300),
    concurrency=st.none() | st.integers(1, 40),
)
seen = st.builds(
    Seen,
    st.none() | st.integers(1, 300),
    st.none() | st.integers(0, 300),
    st.none() | st.floats(0, 200) | st.just(432.0),
)
seen_limits = st.builds(SeenLimits, seen, seen, seen)
healths = st.sampled_from([Health.THROTTLED] * 4 + [Health.EXHAUSTED, Health.REVOKED])
rests = st.builds(Rest, healths, st.none() | st.floats(0, 90) | st.just(3000.0), st.just("no"))
outcomes = st.builds(
    Outcome,
    st.none() | st.integers(0, 8000),
    st.just(SeenLimits()) | seen_limits,
    st.booleans(),
    st.none() | st.none() | rests,
)
steps = st.one_of(
    st.tuples(st.just("reserve"), st.integers(0, 5000), st.sampled_from([0.0, 0.5, 2.0, 30.0])),
    st.tuples(st.just("reserve"), st.integers(0, 50), st.sampled_from([0.0, 2.0])),
    st.tuples(st.just("pass"), st.floats(0.0, 2.0) | st.floats(0, 100) | st.floats(0, 90_000)),
    st.tuples(st.just("batch"), st.lists(st.integers(0, 900), min_size=1, max_size=9)),
    st.tuples(st.just("settle"), st.integers(0, 30), outcomes),
    st.tuples(st.just("work"), st.integers(1, 40), st.floats(0.0, 0.3), st.floats(0.0, 0.2)),
    st.tuples(st.just("release"), st.integers(0, 30)),
    st.tuples(st.just("penalize"), st.sampled_from(CREDENTIALS), rests),
    st.tuples(st.just("reinstate"), st.sampled_from(CREDENTIALS)),
    st.tuples(
        st.just("restore"),
        st.sampled_from(CREDENTIALS),
        # Whole grains of both windows, for which bundles are exact.
        st.lists(st.builds(PastUse, st.sampled_from([0.0, 15.0, 59.0, 360.0, 7200.0]), st.just(9))),
    ),
)


@dataclass
class Subject:
    """One limiter, and the grants that it gave."""

    make: Callable[[Callable[[], float]], Limiter]
    limits: Limits
    model: str
    now: float = START
    grants: list[Grant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limiter = self.make(lambda: self.now)

    async def take(self, step: tuple[Any, ...]) -> object:
        """Do what a step says; return what can be seen of it."""
        name, *arguments = step
        return await getattr(self, f"step_{name}")(*arguments)

    async def step_pass(self, seconds: float) -> None:
        self.now += seconds

    async def step_reserve(self, tokens: int, horizon: float) -> object:
        try:
            room = await reserve_one(
                self.limiter,
                self.model,
                self.limits,
                CREDENTIALS,
                tokens,
                owner="me",
                horizon_s=horizon,
                ttl_s=20,
            )
        except NeverFits as error:
            return str(error)
        return self._told(room)

    def _told(self, room: Grant | Wait) -> object:
        if isinstance(room, Wait):
            return room.reason.split(" until ")[0], pytest.approx(room.delay_s, abs=1e-5)
        self.grants.append(room)
        return room.credential, pytest.approx(room.delay_s, abs=1e-5)

    async def step_batch(self, tokens: list[int]) -> object:
        try:
            reserved = await self.limiter.reserve(
                self.model,
                self.limits,
                CREDENTIALS,
                [Cost(tokens=each) for each in tokens],
                owner="me",
                horizon_s=1.0,
                ttl_s=20,
            )
        except NeverFits as error:
            return str(error)
        rooms: list[Grant | Wait] = [*reserved.grants, *([reserved.wait] if reserved.wait else [])]
        return [self._told(room) for room in rooms]

    async def step_settle(self, number: int, outcome: Outcome) -> None:
        if grant := self._grant(number):
            await self.limiter.settle(self.model, grant, outcome)

    async def step_work(self, calls: int, seconds: float, failures: float) -> None:
        """Make calls, as many at once as may be, that take longer the more there are."""
        going: list[Grant] = []
        for number in range(calls):
            room = await self.step_batch([1])
            if isinstance(room, list) and self.grants:
                going = [*going, self.grants[-1]]
            if len(going) > number % 7:
                self.now += seconds * len(going) / 4
                failed = number % 100 < 100 * failures
                await self.limiter.settle(self.model, going.pop(0), Outcome(1, failed=failed))

    async def step_release(self, number: int) -> None:
        if grant := self._grant(number):
            await self.limiter.release(self.model, grant)

    async def step_penalize(self, credential: str, rest: Rest) -> None:
        await self.limiter.penalize(self.model, credential, rest)

    async def step_reinstate(self, credential: str) -> None:
        await self.limiter.reinstate(self.model, credential)

    async def step_restore(self, credential: str, past: list[PastUse]) -> None:
        await self.limiter.restore(self.model, self.limits, credential, past)

    async def status(self) -> list[object]:
        """Return how the credentials stand, moments as seconds aside."""
        return [
            (
                (one.credential, one.health, one.reason, one.in_flight, dict(one.owners)),
                (one.rpm, one.tpm, one.rpd, one.concurrency),
                pytest.approx(one.pace_rpm, rel=1e-9),
            )
            for one in await self.limiter.status(self.model, self.limits, CREDENTIALS)
        ]

    def _grant(self, number: int) -> Grant | None:
        """Return one of the last grants, settled or not: late and double news come too."""
        return self.grants[-1 - number % len(self.grants)] if self.grants else None


@example(
    # More are under way than may be since the last of them was turned away.
    limits=Limits(),
    plan=[
        *[("reserve", 1, 30.0)] * 16,
        ("settle", 0, Outcome(None, rest=Rest(Health.THROTTLED, 1.0, "no"))),
    ],
)
@given(limits=limits, plan=st.lists(steps, min_size=5, max_size=60))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_memory_and_redis_answer_alike(
    redis_url: str, limits: Limits, plan: list[tuple[Any, ...]]
) -> None:
    async def compare() -> None:
        model = uuid4().hex
        memory = Subject(MemoryLimiter, limits, model)
        redis = Subject(lambda clock: RedisLimiter(redis_url, clock), limits, model)
        try:
            for step in plan:
                assert await memory.take(step) == await redis.take(step), step
                assert await memory.status() == await redis.status(), step
        finally:
            await redis.limiter.close()
            await remove(redis_url, model)

    asyncio.run(compare())
