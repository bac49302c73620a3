"""Limits of calls that leave from many processes: the accounts live in Redis, the rules in Lua."""

import math
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from core.limiter.interface import (
    CredentialStatus,
    Grant,
    LimiterAway,
    Wait,
    refusal,
    until,
)
from core.rules.headers import Seen, SeenLimits
from core.rules.limits import DAY_BUCKET_S, DAY_S, MINUTE_BUCKET_S, MINUTE_S, START_RPM, least
from core.rules.room import Cost, Health, Opening, PastUse, Reason, Room, Stamp
from core.rules.specs import Limits

PREFIX = "gerbench:limit:"
ACCOUNT_KEYS = ("state", "minute", "day", "expiries", "calls")
OPERATIONS = (
    "reserve",
    "settle",
    "release",
    "observe",
    "penalize",
    "reinstate",
    "restore",
    "status",
)
TIMEOUT_S = 5.0

CONNECTIONS = 16
"""More would only wait in line at the server, which runs one script at a time."""

WHYS: dict[str, Reason | Health] = {why.value: why for why in (*Reason, *Health)}
"""What the scripts say there is no room in, by its word."""


class RedisLimiter:
    """Keeps the accounts in Redis: each operation is one script, which nothing comes between.

    Belongs to one event loop. Commands are not sent twice when a connection breaks, since the
    first may have been carried out: a reservation nobody heard of ends with its time to live.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        """Connect at first use. A `clock` takes the place of the server's."""
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_S,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        self._client = Redis.from_pool(pool)
        self._clock = clock
        folder = files(__package__) / "lua"
        account = (folder / "account.lua").read_text()
        self._scripts: dict[str, AsyncScript] = {
            name: self._client.register_script(f"{account}\n{(folder / f'{name}.lua').read_text()}")
            for name in OPERATIONS
        }

    async def reserve(
        self,
        model: str,
        limits: Limits,
        credentials: Sequence[str],
        cost: Cost,
        *,
        owner: str,
        horizon_s: float,
        ttl_s: float,
    ) -> Grant | Wait:
        """See `Limiter.reserve`."""
        grant_id = secrets.token_hex(8)
        index, *answer = await self._run(
            "reserve",
            model,
            credentials,
            *(limits.rpm, limits.tpm, limits.rpd, limits.concurrency),
            *cost,
            *(horizon_s, ttl_s, grant_id, owner),
        )
        if not index:
            openings = [_opening(answer[at : at + 4]) for at in range(0, len(answer), 4)]
            return refusal(zip(credentials, openings, strict=True), cost, 0.0)
        delay, at, granted, granted_tokens, ahead, ahead_tokens, busy = answer
        stamp = Stamp(
            float(at), Cost(granted, granted_tokens), Cost(ahead, ahead_tokens), busy == 1
        )
        return Grant(grant_id, credentials[index - 1], min(float(delay), horizon_s), cost, stamp)

    async def settle(self, model: str, grant: Grant, *, tokens: int | None) -> None:
        """See `Limiter.settle`."""
        stamp = grant.stamp
        arguments = (grant.id, *grant.cost, stamp.at, int(stamp.busy), tokens)
        await self._run("settle", model, [grant.credential], *arguments)

    async def release(self, model: str, grant: Grant) -> None:
        """See `Limiter.release`."""
        await self._run("release", model, [grant.credential], grant.id)

    async def observe(
        self, model: str, credential: str, seen: SeenLimits, *, grant: Grant | None = None
    ) -> None:
        """See `Limiter.observe`."""
        cost = grant.cost if grant else Cost()
        stamp = (grant.stamp.at, *grant.stamp.granted, *grant.stamp.ahead) if grant else ()
        requests, tokens = _figures(seen.requests), _figures(seen.scarcest_tokens)
        daily = int(seen.requests.daily)
        arguments = (cost.tokens, *requests, daily, *tokens, *stamp)
        await self._run("observe", model, [credential], *arguments)

    async def penalize(
        self, model: str, credential: str, *, health: Health, wait_s: float | None, reason: str
    ) -> None:
        """See `Limiter.penalize`."""
        await self._run("penalize", model, [credential], health.value, wait_s, reason)

    async def reinstate(self, model: str, credential: str) -> None:
        """See `Limiter.reinstate`."""
        await self._run("reinstate", model, [credential])

    async def restore(
        self,
        model: str,
        limits: Limits,  # noqa: ARG002 - an implementation may bound what it keeps by them
        credential: str,
        past: Sequence[PastUse],
    ) -> None:
        """See `Limiter.restore`."""
        await self._run("restore", model, [credential], *_bundled(past))

    async def status(
        self, model: str, limits: Limits, credentials: Sequence[str]
    ) -> list[CredentialStatus]:
        """See `Limiter.status`."""
        answer = await self._run("status", model, credentials)
        return [
            _status(credential, row, limits)
            for credential, row in zip(credentials, answer, strict=True)
        ]

    async def close(self) -> None:
        """See `Limiter.close`."""
        await self._client.aclose()

    async def _run(
        self, operation: str, model: str, credentials: Sequence[str], *arguments: object
    ) -> Any:
        """Run a script over the accounts of these credentials, all in one slot of a cluster."""
        keys = [
            f"{PREFIX}{{{model}}}:{credential}:{kind}"
            for credential in credentials
            for kind in ACCOUNT_KEYS
        ]
        given = [None if self._clock is None else self._clock(), *arguments]
        try:
            return await self._scripts[operation](keys, [_text(value) for value in given])
        except RedisError as error:
            raise LimiterAway(f"the limits in Redis cannot be reached: {error}") from error


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _figures(seen: Seen) -> tuple[int | None, int | None, float | None]:
    return seen.limit, seen.remaining, seen.reset_s


def _opening(fields: Sequence[str]) -> Opening:
    at, why, sure, reach = fields
    return Opening(float(at), WHYS.get(why), bool(int(sure)), float(reach))


def _bundled(past: Sequence[PastUse]) -> list[float]:
    """Return age, requests and tokens of past calls, those of one bucket together, oldest first.

    A bundle is as old as the youngest in it: never too early.
    """
    requests: Counter[float] = Counter()
    tokens: Counter[float] = Counter()
    for age, used in past:
        if age < DAY_S + DAY_BUCKET_S:
            grain = MINUTE_BUCKET_S if age < 2 * MINUTE_S else DAY_BUCKET_S
            bundle = math.floor(age / grain) * grain
            requests[bundle] += 1
            tokens[bundle] += used
    return [
        figure
        for age in sorted(requests, reverse=True)
        for figure in (age, requests[age], tokens[age])
    ]


def _status(credential: str, row: Sequence[Any], limits: Limits) -> CredentialStatus:
    health, rests, reason, flying, owners, requests, tokens, of_day, *told, found = row
    rpm, tpm, rpd = (int(limit) if limit != "" else None for limit in told)
    base = least(limits.rpm, rpm)
    rate = float(found or base or START_RPM)
    return CredentialStatus(
        credential,
        Health(health),
        until(float(rests)) if rests else None,
        reason or None,
        flying,
        Counter(owners),
        limits.concurrency,
        Room(requests, limits.rpm, base, rpm),
        Room(tokens, limits.tpm, least(limits.tpm, tpm), tpm),
        Room(of_day, limits.rpd, least(limits.rpd, rpd), rpd),
        rate if base is None else min(base, rate),
    )
