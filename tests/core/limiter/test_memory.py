import asyncio
from concurrent.futures import ThreadPoolExecutor

from core.limiter.interface import Cost
from core.limiter.memory import MemoryLimiter
from core.rules.specs import Limits

CALLS = 300


def test_threads_share_one_limit() -> None:
    limiter, limits = MemoryLimiter(), Limits(rpm=1_000_000, concurrency=100)

    async def take() -> int:
        granted = 0
        for _ in range(CALLS):
            reserved = await limiter.reserve(
                "m", limits, ["a", "b"], [Cost()], owner="me", horizon_s=1e6, ttl_s=1e6
            )
            granted += len(reserved.grants)
        return granted

    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: asyncio.run(take()), range(8)))

    assert sum(granted) == 200
