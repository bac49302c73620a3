"""The doctor's look at Redis: the broker, and where the limits are kept."""

import secrets
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from core.db import utc_now
from core.readiness import PING_TIMEOUT_S
from core.rules import checkups
from core.rules.checkups import BROKER
from core.rules.findings import Finding
from core.settings import Settings

PROBE = "redis.call('SET', KEYS[1], '1', 'EX', 10) return redis.call('DEL', KEYS[1])"
"""The limits are scripts, so this is one too."""


def look(settings: Settings) -> Iterator[Finding]:
    """Judge the broker; that of embedded mode is the process itself."""
    if settings.broker_url is None:
        yield BROKER.ok("reachable", "in the process: no server is needed")
        return
    url = settings.broker.replace("valkey", "redis", 1)
    if not url.startswith(("redis://", "rediss://")):
        return  # told among the settings
    try:
        with Redis.from_url(
            url,
            socket_timeout=PING_TIMEOUT_S,
            socket_connect_timeout=PING_TIMEOUT_S,
            decode_responses=True,
        ) as client:
            yield from _asked(client)
    except ValueError:
        # What it complains of may be a part of the password.
        yield BROKER.failed(
            "GERBENCH_BROKER_URL",
            "is no URL of a Redis",
            "Write it as redis://:PASSWORD@HOST:6379/0, odd characters as %2F and the like.",
        )
    except (RedisError, OSError) as error:
        yield BROKER.failed(
            "reachable",
            f"does not answer: {error}",
            "See that Redis runs where GERBENCH_BROKER_URL says: jobs are taken, and wait.",
        )


def _asked(client: Redis) -> Iterator[Finding]:
    """Yield what a Redis that answers says."""
    client.ping()
    yield BROKER.ok("reachable", "answers")
    yield _writable(client)
    before = utc_now()
    seconds, micros = client.time()
    half = before + (utc_now() - before) / 2
    yield checkups.clock("of the broker", seconds + micros / 1e6 - half.timestamp())
    try:
        info = client.info()
    except NoPermissionError:
        yield BROKER.warning(
            "settings",
            "this user may not ask for them (INFO)",
            "See to it by hand: maxmemory-policy noeviction, appendonly yes.",
        )
    else:
        yield from checkups.redis(info)


def _writable(client: Redis) -> Finding:
    """Let a script write a key and remove it."""
    try:
        client.eval(PROBE, 1, f"gerbench:doctor:{secrets.token_hex(8)}")
    except RedisError as error:
        return BROKER.failed(
            "writable",
            f"a script cannot write: {error}",
            "See what this user may do, and the log of Redis: the limits are kept by scripts.",
        )
    return BROKER.ok("writable", "a script wrote a key and removed it")
