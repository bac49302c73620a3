"""Whether Redis answers; imported where one is used, which embedded mode does not."""

from redis import Redis
from redis.exceptions import RedisError


def answers(url: str, within_s: float) -> bool:
    """Tell whether a Redis answers in time."""
    try:
        with Redis.from_url(
            url, socket_timeout=within_s, socket_connect_timeout=within_s
        ) as client:
            client.ping()
    except (RedisError, OSError):
        return False
    return True
