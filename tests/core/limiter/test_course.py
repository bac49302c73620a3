"""How whole runs go, against simulated providers that count strictly."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.limiter.memory import MemoryLimiter
from core.limiter.redis import RedisLimiter
from core.rules.specs import Limits
from tests.core.limiter.conftest import START, remove
from tests.core.limiter.simulation import (
    Bucket,
    Count,
    Course,
    Fixed,
    Provider,
    Simulation,
    Sliding,
)

RPM = 600
LIMITS = Limits(rpm=RPM, concurrency=32)
COUNTS: dict[str, Callable[[], Count]] = {
    "sliding": lambda: Sliding(RPM),
    "fixed": lambda: Fixed(RPM, 17.0),
    "full bucket": lambda: Bucket(RPM, RPM),
}


def run(provider: Provider, limits: Limits, requests: int, **how: object) -> Course:
    simulation = Simulation(MemoryLimiter, provider, limits, requests=requests, **how)  # type: ignore[arg-type]  # keywords are passed on
    return asyncio.run(simulation.run(until=3600))


def long_tail(random: Random) -> tuple[float, float]:
    """Return latencies as large models have them: seconds, and now and then most of a minute."""
    return random.uniform(0.005, 0.03), min(55.0, random.lognormvariate(1.5, 0.8))


@pytest.mark.parametrize("kind", COUNTS)
def test_two_minutes_worth_ends_after_one_where_the_provider_says_what_remains(kind: str) -> None:
    course = run(Provider(COUNTS[kind](), limits=(RPM, None)), LIMITS, 1200)

    assert course.turned_away == 0
    assert course.seconds <= 62


@pytest.mark.parametrize("kind", COUNTS)
def test_two_minutes_worth_takes_two_where_the_provider_says_nothing(kind: str) -> None:
    course = run(Provider(COUNTS[kind](), headers=False), LIMITS, 1200)

    assert course.turned_away == 0
    assert 119 <= course.seconds <= 121


def test_bucket_is_used_as_it_refills_once_its_headers_show_that_it_is_one() -> None:
    course = run(Provider(COUNTS["full bucket"](), limits=(RPM, None)), LIMITS, 1800)

    assert course.turned_away == 0
    assert course.seconds <= 122


def test_bucket_gives_its_whole_rate_however_long_replies_take() -> None:
    provider = Provider(COUNTS["full bucket"](), limits=(RPM, None))

    course = run(provider, Limits(rpm=RPM, concurrency=300), 3000, latency=long_tail)

    assert course.turned_away == 0
    assert course.seconds <= 300


def test_fixed_window_is_used_again_from_its_reset_on() -> None:
    course = run(Provider(COUNTS["fixed"](), limits=(RPM, None)), LIMITS, 1800)

    assert course.turned_away == 0
    assert course.seconds <= 107


@pytest.mark.parametrize("kind", ["full bucket", "fixed"])
def test_configured_limit_is_kept_where_the_provider_would_allow_more(kind: str) -> None:
    provider = Provider(COUNTS[kind](), limits=(RPM, None))

    course = run(provider, Limits(rpm=RPM // 2, concurrency=32), 900)

    times = [at for at, _ in provider.let_in]
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[300:], strict=False))
    assert course.turned_away == 0


@pytest.mark.parametrize("headers", [True, False])
def test_bucket_with_a_small_burst_is_respected(headers: bool) -> None:
    provider = Provider(Bucket(RPM, 10), headers=headers, limits=(RPM, None))

    course = run(provider, LIMITS, 1200)

    assert course.turned_away == 0
    assert course.seconds <= 121


def test_bucket_for_two_is_not_left_to_overflow() -> None:
    provider = Provider(Bucket(30, 2.56), limits=(30, None))

    course = run(
        provider,
        Limits(rpm=30, concurrency=1),
        80,
        latency=lambda random: (random.uniform(0, 0.06), random.uniform(0.5, 1)),
    )

    assert course.turned_away == 0
    assert course.seconds <= 165


@pytest.mark.parametrize("burst", [10, RPM])
def test_late_replies_do_no_harm(burst: float) -> None:
    provider = Provider(Bucket(RPM, burst), limits=(RPM, None))

    course = run(provider, Limits(rpm=RPM, concurrency=300), 3000, latency=long_tail)

    assert course.turned_away == 0
    assert course.seconds <= 370


@pytest.mark.parametrize("headers", [True, False])
def test_tokens_of_mixed_sizes_fill_their_limit(headers: bool) -> None:
    provider = Provider(Sliding(1e9), Sliding(100_000), headers=headers, limits=(None, 100_000))

    course = run(
        provider,
        Limits(rpm=10_000, tpm=100_000, concurrency=32),
        600,
        cost=lambda random: random.randint(300, 1500),
    )

    used = sum(tokens for _, tokens in provider.let_in)
    assert course.turned_away == 0
    assert used / course.seconds * 60 > 97_000


@pytest.mark.parametrize("headers", [True, False])
def test_provider_that_keeps_what_it_set_aside_is_understood(headers: bool) -> None:
    provider = Provider(
        Sliding(1e9), Bucket(100_000, 6000), headers=headers, limits=(None, 100_000)
    )

    course = run(
        provider,
        Limits(rpm=10_000, tpm=100_000, concurrency=32),
        600,
        cost=lambda random: random.randint(1100, 1900),
        used=lambda tokens: tokens - 900,
    )

    assert course.turned_away <= 10
    assert course.seconds <= 560


def test_limit_lower_than_configured_is_told_and_kept() -> None:
    course = run(Provider(Sliding(300), limits=(300, None)), Limits(rpm=600, concurrency=32), 1200)

    assert course.turned_away == 0
    assert course.seconds <= 184


def test_limit_lower_than_configured_is_found_where_nobody_tells() -> None:
    course = run(Provider(Sliding(300), headers=False), Limits(rpm=600, concurrency=32), 3000)

    assert course.turned_away <= 40
    assert course.seconds <= 640


@pytest.mark.parametrize("headers", [True, False])
def test_others_on_the_same_credential_cost_few_429s(headers: bool) -> None:
    provider = Provider(Sliding(RPM), headers=headers, foreign_rpm=200, limits=(RPM, None))

    course = run(provider, LIMITS, 3000)

    assert course.turned_away <= 75
    assert course.seconds <= 480


def test_unknown_limit_is_found() -> None:
    course = run(Provider(Sliding(RPM), headers=False), Limits(concurrency=32), 6000)

    assert course.turned_away <= 60
    assert course.seconds <= 660


def test_unknown_limit_that_is_high_is_climbed_to() -> None:
    course = run(Provider(Bucket(6000, 100), headers=False), Limits(concurrency=32), 20_000)

    assert course.turned_away <= 20
    assert course.seconds <= 270


@dataclass(frozen=True)
class World:
    """A provider, a network and a caller."""

    kind: str
    headers: bool
    rpm: int
    token_share: float | None
    """Tokens that a minute allows, over those that its requests need; None: any number."""
    concurrency: int
    horizon: float
    up: float
    """Longest way to the provider, in seconds; the way back takes from half of `down` to all."""
    down: float
    phase: float
    burst_s: float
    seed: int

    @property
    def tpm(self) -> int | None:
        share = self.token_share
        return None if share is None else max(1000, int(share * self.rpm * 550))

    def count(self, limit: int, largest: int) -> Count:
        """Return how the provider counts against a limit."""
        if self.kind == "sliding":
            return Sliding(limit)
        if self.kind == "fixed":
            return Fixed(limit, self.phase)
        # Calls that the network brings closer together than they were sent need some burst.
        rate = limit / 60
        return Bucket(limit, max(2 * largest + (1 + 2 * self.up) * rate, self.burst_s * rate))

    def provider(self) -> Provider:
        tokens = None if self.tpm is None else self.count(self.tpm, 1000)
        requests = self.count(self.rpm, 1)
        return Provider(requests, tokens, headers=self.headers, limits=(self.rpm, self.tpm))

    def longest(self, requests: int, tokens: int) -> float:
        """Return the seconds that so much may take."""
        window = 60 + self.up + self.down + 0.3
        by_limits = requests / self.rpm * window, tokens / (self.tpm or math.inf) * window
        by_concurrency = requests * (self.up / 2 + self.down * 0.75) / self.concurrency
        # Where two limits are near each other, each waits for the other now and then.
        share = 1.05 if self.tpm is None else 1.15
        return 10 + self.down + share * max(*by_limits, by_concurrency)


worlds = st.builds(
    World,
    kind=st.sampled_from(["sliding", "fixed", "bucket"]),
    headers=st.booleans(),
    rpm=st.integers(30, 1500),
    token_share=st.none() | st.floats(0.3, 3),
    concurrency=st.sampled_from([1, 4, 32, 300]),
    horizon=st.sampled_from([0.0, 0.25, 2.0, 10.0]),
    up=st.floats(0.001, 0.1),
    down=st.floats(0.01, 20.0),
    phase=st.floats(0, 60),
    burst_s=st.floats(1, 60),
    seed=st.integers(0, 1000),
)


@given(world=worlds)
@settings(max_examples=100, deadline=None)
def test_never_more_than_the_limit_and_never_idle(world: World) -> None:
    provider = world.provider()

    course = run(
        provider,
        Limits(rpm=world.rpm, tpm=world.tpm, concurrency=world.concurrency),
        min(800, 2 * world.rpm + 20),
        cost=lambda random: random.randint(100, 1000),
        latency=lambda random: (
            random.uniform(0, world.up),
            random.uniform(world.down / 2, world.down),
        ),
        horizon=world.horizon,
        seed=world.seed,
    )

    assert course.turned_away == 0
    assert course.seconds <= world.longest(course.sent, sum(t for _, t in provider.let_in))


async def test_redis_takes_the_same_course(redis_url: str) -> None:
    limits, courses = LIMITS, []
    for make in (MemoryLimiter, lambda clock: RedisLimiter(redis_url, clock)):
        provider = Provider(Sliding(RPM), limits=(RPM, None))
        simulation = Simulation(make, provider, limits, requests=700, start=START)
        courses.append(await simulation.run())
        await simulation.limiter.close()
    await remove(redis_url, simulation.model)

    assert courses[1].turned_away == 0
    assert courses[1].seconds == pytest.approx(courses[0].seconds, abs=0.01)
