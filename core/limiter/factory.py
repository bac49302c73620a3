"""Which limiter goes with which broker."""

from core.limiter.interface import Limiter
from core.limiter.memory import MemoryLimiter
from core.limiter.redis import RedisLimiter


def create_limiter(broker_url: str) -> Limiter:
    """Return the limiter that keeps its accounts where the broker keeps its messages.

    `memory://` is this process; redis://, rediss:// and valkey:// are shared by all processes.
    """
    scheme, _, rest = broker_url.partition("://")
    if scheme == "memory":
        return MemoryLimiter()
    scheme = scheme.replace("valkey", "redis")
    if scheme not in {"redis", "rediss"}:
        raise ValueError(f"no limiter goes with a broker at {scheme}://; use memory or redis")
    return RedisLimiter(f"{scheme}://{rest}")
