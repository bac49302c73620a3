import asyncio
from collections.abc import AsyncIterator

import pytest

from core.limiter.factory import create_limiter
from core.limiter.interface import Grant, LimiterAway
from core.limiter.memory import MemoryLimiter
from core.limiter.redis import PREFIX, RedisLimiter
from core.rules.room import PastUse
from core.rules.specs import Limits
from tests.core.limiter.conftest import Bench, remove, reserve_one


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[Bench]:
    """A limiter in Redis that goes by the server's clock."""
    bench = Bench(lambda _: RedisLimiter(redis_url))
    yield bench
    await bench.limiter.close()
    await remove(redis_url, bench.model)


@pytest.fixture
async def timed(redis_url: str) -> AsyncIterator[Bench]:
    """A limiter in Redis that goes by the test's clock."""
    bench = Bench(lambda clock: RedisLimiter(redis_url, clock))
    yield bench
    await bench.limiter.close()
    await remove(redis_url, bench.model)


async def keys_of(bench: Bench) -> list[str]:
    assert isinstance(bench.limiter, RedisLimiter)
    client = bench.limiter._client
    return [key async for key in client.scan_iter(f"{PREFIX}{{{bench.model}}}:*")]


async def test_server_tells_the_time(shared: Bench) -> None:
    await shared.grant()

    assert (await shared.wait()).delay_s == pytest.approx(1, abs=0.2)


async def test_processes_share_one_limit(shared: Bench, redis_url: str) -> None:
    shared.limits = Limits(rpm=60_000, concurrency=10)
    others = [RedisLimiter(redis_url) for _ in range(3)]

    rooms = await asyncio.gather(
        *(
            reserve_one(
                limiter,
                shared.model,
                shared.limits,
                ["a", "b"],
                owner=str(number),
                horizon_s=1,
                ttl_s=100,
            )
            for number, limiter in enumerate(others)
            for _ in range(20)
        )
    )
    for limiter in others:
        await limiter.close()

    granted = [room for room in rooms if isinstance(room, Grant)]
    assert len({grant.id for grant in granted}) == len(granted)
    for credential in ("a", "b"):
        assert sum(grant.credential == credential for grant in granted) == 10


async def test_every_key_is_bounded_in_time_and_in_one_slot(timed: Bench) -> None:
    timed.credentials = ("env:KEY",)
    for _ in range(2):
        await timed.settle(await timed.grant())
        timed.now += 400
    await timed.grant()

    keys = await keys_of(timed)

    assert isinstance(timed.limiter, RedisLimiter)
    assert {key.rpartition(":")[2] for key in keys} == {"state", "day", "expiries", "calls"}
    for key in keys:
        assert key.startswith(f"gerbench:limit:{{{timed.model}}}:env:KEY:")
        assert 0 < await timed.limiter._client.ttl(key) <= 31 * 86_400


async def test_starts_empty_when_the_server_lost_everything(shared: Bench) -> None:
    shared.limits = Limits(rpm=1, concurrency=32)
    call = await shared.grant()
    assert isinstance(shared.limiter, RedisLimiter)
    await shared.limiter._client.delete(*await keys_of(shared))

    await shared.settle(call)

    assert (await shared.wait()).delay_s > 59


@pytest.mark.parametrize("lost", ["state", "minute", "day", "expiries", "calls"])
async def test_losing_a_part_leaves_nothing_blocked_for_good(timed: Bench, lost: str) -> None:
    timed.limits = Limits(rpm=6000, rpd=100, concurrency=2)
    await timed.settle(await timed.grant())
    await timed.grant(horizon=1)

    assert isinstance(timed.limiter, RedisLimiter)
    await timed.limiter._client.delete(f"{PREFIX}{{{timed.model}}}:key:{lost}")
    timed.now += 200_000

    await timed.settle(await timed.grant())
    [status] = await timed.limiter.status(timed.model, timed.limits, ["key"])
    assert (status.in_flight, status.rpm.used, status.rpd.used) == (0, 1, 1)


async def test_script_the_server_does_not_know_is_sent_again(shared: Bench) -> None:
    assert isinstance(shared.limiter, RedisLimiter)
    shared.limiter._scripts["reserve"].sha = "0" * 40

    await shared.grant()


async def test_past_calls_are_kept_in_buckets(timed: Bench) -> None:
    past = [PastUse(age / 100, 5) for age in range(0, 8_000_000, 100)]

    await timed.limiter.restore(timed.model, timed.limits, "key", past)

    assert isinstance(timed.limiter, RedisLimiter)
    client, key = timed.limiter._client, f"{PREFIX}{{{timed.model}}}:key"
    assert await client.llen(f"{key}:minute") <= 243
    assert await client.llen(f"{key}:day") <= 243


async def test_unreachable_server_is_said_at_once() -> None:
    limiter = RedisLimiter("redis://127.0.0.1:1")

    with pytest.raises(LimiterAway, match="cannot be reached"):
        await limiter.reinstate("model", "key")
    await limiter.close()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory://", MemoryLimiter),
        ("redis://localhost/1", RedisLimiter),
        ("rediss://:secret@localhost:6380/1", RedisLimiter),
        ("valkey://localhost/1", RedisLimiter),
    ],
)
async def test_broker_decides_which_limiter(url: str, kind: type[object]) -> None:
    limiter = create_limiter(url)

    assert type(limiter) is kind
    await limiter.close()


def test_broker_without_a_limiter_is_refused() -> None:
    with pytest.raises(ValueError, match="amqp://"):
        create_limiter("amqp://user:secret@localhost")
