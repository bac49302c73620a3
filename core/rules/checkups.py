"""Judgements of `gerbench doctor`: from what was measured to what it means."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from core.rules.findings import Finding, Part
from core.rules.stalls import ALIVE_FOR, TICKS_FOR

SETTINGS = Part("settings")
DATABASE = Part("database")
BROKER = Part("broker")
CLOCK = Part("clock")
WORKERS = Part("workers")

GB = 10**9
FULL = GB // 2
"""Bytes left, below which a disk counts as full: a burst of replies takes that."""
NEARLY_FULL = 5 * GB

APART_S = 5.0
"""Clocks this far apart are not kept by anything."""
TOO_FAR_APART_S = 60.0
"""Clocks of machines that share a database must agree within this: leases count on it."""

CONNECTIONS = 30
"""What an API or a worker takes of a PostgreSQL server at most (`core.db`)."""

FILLED = 0.9
"""The part of its memory that Redis may use before somebody should look."""

PRIVATE = 0o077
"""The bits that let others than a file's owner in."""


def variables(
    names: Collection[str], known: Mapping[str, str], foreign: Collection[str]
) -> Iterator[Finding]:
    """Judge the names of variables: `known` are settings and what may be shown of each value.

    `foreign` are those that mean something to other parts of gerbench.
    """
    for name in sorted(names):
        if name in known:
            yield SETTINGS.ok(name, known[name])
        elif name not in foreign:
            near = get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]}?" if near else "see docs/guides/operations.md"
            yield SETTINGS.warning(
                name, "is no setting, and does nothing", f"Unset it, or correct it: {meant}"
            )


@dataclass(frozen=True)
class Mode:
    """The settings that belong together: which of them are set."""

    database: bool
    broker: bool
    media: bool
    secret: bool


def mode(given: Mode) -> Iterator[Finding]:
    """Judge whether the settings that belong together are set together."""
    if not given.database and not given.broker:
        yield SETTINGS.ok("mode", "embedded: all in one process")
        return
    if not (given.database and given.broker):
        missing = "GERBENCH_BROKER_URL" if given.database else "GERBENCH_DATABASE_URL"
        yield SETTINGS.warning(
            "mode",
            f"half of distributed mode: {missing} is not set",
            f"Set {missing} too, or unset the other for embedded mode: a worker or a beat of its"
            " own starts only with both.",
        )
        return
    yield SETTINGS.ok("mode", "distributed")
    if not given.media:
        yield SETTINGS.warning(
            "GERBENCH_MEDIA_URL",
            "is not set: media lie in this process's own data folder",
            "Set it to a folder that all machines share, or to s3://bucket/prefix.",
        )
    if not given.secret:
        yield SETTINGS.warning(
            "GERBENCH_SECRET_KEY",
            "is not set: secrets of providers cannot be kept",
            "Set it, alike for the API and the workers (openssl rand -hex 32), or give models"
            " variables or files only.",
        )


def private_file(name: str, mode: int) -> Finding:
    """Judge who may read a file that holds a secret."""
    if mode & PRIVATE:
        return SETTINGS.warning(
            name, f"others may read it (mode {mode & 0o777:o})", f"Run `chmod 600 {name}`."
        )
    return SETTINGS.ok(name, "only its owner may read it")


def disk(part: Part, what: str, free: int, total: int) -> Finding:
    """Judge how much room a disk has left."""
    says = f"{free / GB:,.1f} of {total / GB:,.1f} GB are free"
    if free < FULL:
        return part.failed(
            what, says, "Make room: work stops on a full disk, and goes on by itself once it can."
        )
    if free < NEARLY_FULL:
        return part.warning(
            what, says, "Make room, or let old replies go (GERBENCH_KEEP_RAW_DAYS)."
        )
    return part.ok(what, says)


def connections(used: int, most: int) -> Finding:
    """Judge how many connections a PostgreSQL server has left."""
    says = f"{used} of {most} in use"
    if most - used < CONNECTIONS:
        return DATABASE.warning(
            "connections",
            says,
            f"Raise max_connections: an API or a worker takes up to {CONNECTIONS} each.",
        )
    return DATABASE.ok("connections", says)


def clock(whose: str, ahead_s: float) -> Finding:
    """Judge how far another machine's clock is ahead of this one's."""
    way = "ahead of" if ahead_s > 0 else "behind"
    says = f"{abs(ahead_s):.1f} s {way} this machine's"
    remedy = "Let both machines keep time by NTP (timedatectl set-ntp true)."
    if abs(ahead_s) > TOO_FAR_APART_S:
        return CLOCK.failed(whose, says, remedy)
    if abs(ahead_s) > APART_S:
        return CLOCK.warning(whose, says, remedy)
    return CLOCK.ok(whose, says if abs(ahead_s) >= 0.1 else "agrees with this machine's")  # noqa: PLR2004 - what is shown has one decimal


def redis(info: Mapping[str, Any]) -> Iterator[Finding]:
    """Judge what a Redis says of itself in INFO."""
    yield BROKER.ok("version", str(info.get("redis_version", "unknown")))
    if info.get("role", "master") != "master":
        yield BROKER.failed(
            "role", "a replica, which takes no writes", "Let GERBENCH_BROKER_URL name the primary."
        )
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        yield BROKER.ok("maxmemory-policy", policy)
    else:
        yield BROKER.warning(
            "maxmemory-policy",
            f"{policy}: the windows of the limits may be evicted, and more be sent than allowed",
            "Set maxmemory-policy to noeviction, in redis.conf or with CONFIG SET.",
        )
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used > FILLED * most:
        yield BROKER.warning(
            "memory", f"{used:,} of {most:,} bytes are used", "Raise maxmemory, or empty it."
        )
    if not int(info.get("aof_enabled", 0)):
        yield BROKER.warning(
            "persistence",
            "appendonly is no: a restart forgets the windows of the limits",
            "Set appendonly to yes, in redis.conf or with CONFIG SET. No work is lost without.",
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield BROKER.failed(
            "persistence",
            "the last write of its append-only file failed",
            "See the log of Redis: most often its disk is full.",
        )
    else:
        yield BROKER.ok("persistence", "append-only file")


@dataclass(frozen=True)
class Sign:
    """What a worker last said of itself."""

    owner: str
    version: str
    seen_at: datetime
    stopped_at: datetime | None
    ticked_at: datetime | None


def workers(signs: Collection[Sign], version: str, *, now: datetime) -> Iterator[Finding]:
    """Judge who works, by what workers said within a day; `version` is this code's."""
    alive = [s for s in signs if s.stopped_at is None and now - s.seen_at < ALIVE_FOR]
    if not alive:
        last = max((s.seen_at for s in signs), default=None)
        since = f"; the last was seen {last:%Y-%m-%d %H:%M:%S} UTC" if last else ""
        yield WORKERS.warning(
            "alive",
            f"none{since}",
            "Start one: `gerbench up`, or `gerbench worker` where it has a database of its own.",
        )
        return
    yield WORKERS.ok("alive", f"{len(alive)}: {', '.join(sorted(s.owner for s in alive))}")
    ticks = [s.ticked_at for s in signs if s.ticked_at is not None]
    if not ticks or now - max(ticks) > TICKS_FOR:
        yield WORKERS.warning(
            "tick", f"none within {TICKS_FOR.seconds} s", "Start `gerbench beat`: one is enough."
        )
    else:
        yield WORKERS.ok("tick", "comes")
    others = {s.version for s in alive} - {version}
    if others:
        yield WORKERS.warning(
            "version",
            f"workers run {', '.join(sorted(others))}, this is {version}",
            "Restart the workers with this version, or run the doctor of theirs.",
        )


def spool(unread: int, waiting: int, since: timedelta) -> Finding:
    """Judge the replies that wait for the database: files of each kind, the age of the oldest."""
    if unread:
        return WORKERS.warning(
            "spool",
            f"{unread} files end in .unread: they have lines that could not be used",
            "Look at what the log says of them, then delete them.",
        )
    if waiting and since > ALIVE_FOR:
        return WORKERS.warning(
            "spool",
            f"{waiting} files of replies wait to be stored",
            "Start a worker on this data folder: it stores them before anything else.",
        )
    return WORKERS.ok("spool", "empty" if not waiting else f"{waiting} files, of this moment")
