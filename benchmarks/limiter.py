"""What a call to the limiter costs: reserve and settle, in memory and in Redis.

    python benchmarks/limiter.py [redis://…]

Memory is CPU time of this process. Redis is what its server says it spent in scripts, and the time
until the answer came, one call after the other.
"""

import asyncio
import statistics
import sys
import time
from uuid import uuid4

from redis.asyncio import Redis

from core.limiter.factory import create_limiter
from core.limiter.interface import Cost, Grant, Limiter, Outcome
from core.limiter.redis import PREFIX
from core.rules.specs import Limits

MODEL = uuid4().hex
USED = Outcome(800)
LIMITS = Limits(rpm=10**8, tpm=10**12, rpd=10**9, concurrency=100)
TARGET_MEMORY_US, TARGET_REDIS_US = 20.0, 150.0


async def grant(limiter: Limiter, credentials: list[str], limits: Limits = LIMITS) -> Grant:
    """Reserve room, which must be there."""
    reserved = await limiter.reserve(
        MODEL, limits, credentials, [Cost(tokens=1000)], owner="me", horizon_s=60, ttl_s=60
    )
    return reserved.grants[0]


async def in_memory(credentials: list[str], calls: int = 10_000) -> tuple[float, float]:
    """Return the median CPU microseconds of reserve and of settle."""
    limiter = create_limiter("memory://")
    reserved, settled = [], []
    for _ in range(calls // 100):
        start = time.process_time()
        grants = [await grant(limiter, credentials) for _ in range(100)]
        middle = time.process_time()
        for one in grants:
            await limiter.settle(MODEL, one, USED)
        reserved.append(middle - start)
        settled.append(time.process_time() - middle)
    return statistics.median(reserved) * 1e4, statistics.median(settled) * 1e4


async def in_redis(url: str, credentials: list[str], calls: int = 1000) -> tuple[float, ...]:
    """Return the median microseconds of reserve and settle: on the server, until the answer."""
    limiter, server = create_limiter(url), Redis.from_url(url)
    columns: tuple[list[float], ...] = ([], [], [], [])
    await limiter.settle(MODEL, await grant(limiter, credentials), USED)
    for _ in range(calls):
        before = await scripts_us(server)
        start = time.perf_counter()
        one = await grant(limiter, credentials)
        columns[2].append((time.perf_counter() - start) * 1e6)
        middle = await scripts_us(server)
        start = time.perf_counter()
        await limiter.settle(MODEL, one, USED)
        columns[3].append((time.perf_counter() - start) * 1e6)
        columns[0].append(middle - before)
        columns[1].append(await scripts_us(server) - middle)
    await limiter.close()
    async for key in server.scan_iter(f"{PREFIX}{{{MODEL}}}:*"):
        await server.delete(key)
    await server.aclose()
    return tuple(statistics.median(column) for column in columns)


async def scripts_us(server: Redis) -> float:
    """Return the microseconds that the server has spent in scripts."""
    stats = await server.info("commandstats")
    return float(stats.get("cmdstat_evalsha", {"usec": 0})["usec"])


async def main() -> None:
    """Print a table."""
    for credentials in (["a"], ["a", "b", "c"]):
        reserve, settle = await in_memory(credentials)
        print(
            f"memory, {len(credentials)} credentials: reserve {reserve:5.1f} us CPU"
            f" ({reserve / TARGET_MEMORY_US:.2f} of the target), settle {settle:5.1f} us"
        )
    for credentials in (["a"], ["a", "b", "c"]) if len(sys.argv) > 1 else ():
        reserve, settle, *waited = await in_redis(sys.argv[1], credentials)
        print(
            f"redis,  {len(credentials)} credentials: reserve {reserve:5.1f} us on the server"
            f" ({reserve / TARGET_REDIS_US:.2f} of the target), settle {settle:5.1f} us;"
            f" answered after {waited[0]:.0f} and {waited[1]:.0f} us"
        )


if __name__ == "__main__":
    asyncio.run(main())
