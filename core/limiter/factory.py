"""Which limiter goes with which broker."""

from importlib import import_module
from typing import cast

from core.limiter.interface import Limiter
from core.limiter.memory import MemoryLimiter


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
    # Imported where it is used: embedded mode starts without Redis' client.
    module = import_module("core.limiter.redis")
    return cast("Limiter", module.RedisLimiter(f"{scheme}://{rest}"))
