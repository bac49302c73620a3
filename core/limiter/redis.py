"""Limits of calls that leave from many processes: the accounts live in Redis, the rules in Lua."""

import math
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import chain
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
    NeverFits,
    Reserved,
    Wait,
    refusal,
    until,
)
from core.rules.headers import Seen
from core.rules.limits import (
    DAY_BUCKET_S,
    DAY_S,
    MINUTE_BUCKET_S,
    MINUTE_S,
    NO_PACE_RPM,
    START_RPM,
    least,
)
from core.rules.room import Cost, Health, Opening, Outcome, PastUse, Reason, Rest, Room, Stamp
from core.rules.specs import Limits

PARTS = ("windows", "gates", "crowd", "account")
"""What every script begins with."""

PREFIX = "gerbench:limit:"
ACCOUNT_KEYS = ("state", "minute", "day", "expiries", "calls")
OPERATIONS = (
    "reserve",
    "settle",
    "release",
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
        self._scripts: dict[str, AsyncScript] = {
            name: self._client.register_script(
                "\n".join((folder / f"{part}.lua").read_text() for part in (*PARTS, name))
            )
            for name in OPERATIONS
        }

    async def reserve(
        self,
        model: str,
        limits: Limits,
        credentials: Sequence[str],
        costs: Sequence[Cost],
        *,
        owner: str,
        horizon_s: float,
        ttl_s: float,
    ) -> Reserved:
        """See `Limiter.reserve`."""
        batch = secrets.token_hex(8)
        answers = await self._run(
            "reserve",
            model,
            credentials,
            *(limits.rpm, limits.tpm, limits.rpd, limits.concurrency),
            *(horizon_s, ttl_s, batch, owner),
            *chain.from_iterable(costs),
        )
        grants: list[Grant] = []
        wait: Wait | None = None
        for number, (index, *answer) in enumerate(answers):
            if index:
                stamp = _stamp(answer[1:])
                name, delay = credentials[index - 1], min(float(answer[0]), horizon_s)
                grants.append(Grant(f"{batch}:{number}", name, delay, costs[number], stamp))
                continue
            openings = [_opening(answer[at : at + 4]) for at in range(0, len(answer), 4)]
            try:
                wait = refusal(zip(credentials, openings, strict=True), costs[number], 0.0)
            except NeverFits:
                if not grants:
                    raise
        return Reserved(grants, wait)

    async def settle(self, model: str, grant: Grant, outcome: Outcome) -> None:
        """See `Limiter.settle`."""
        stamp, seen, rest = grant.stamp, outcome.seen, outcome.rest
        await self._run(
            "settle",
            model,
            [grant.credential],
            *(grant.id, *grant.cost),
            *(stamp.at, int(stamp.busy), *stamp.granted, *stamp.ahead),
            *(outcome.tokens, int(outcome.failed)),
            *(*_figures(seen.requests), int(seen.requests.daily), *_figures(seen.scarcest_tokens)),
            *(rest or ()),
        )

    async def release(self, model: str, grant: Grant) -> None:
        """See `Limiter.release`."""
        await self._run("release", model, [grant.credential], grant.id)

    async def penalize(self, model: str, credential: str, rest: Rest) -> None:
        """See `Limiter.penalize`."""
        await self._run("penalize", model, [credential], *rest)

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


def _stamp(fields: Sequence[Any]) -> Stamp:
    at, granted, tokens, ahead, ahead_tokens, busy = fields
    return Stamp(float(at), Cost(granted, tokens), Cost(ahead, ahead_tokens), busy == 1)


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
    health, rests, reason, flying, owners, requests, tokens, of_day, *more = row
    *told, found, places, finds = more
    rpm, tpm, rpd = (int(limit) if limit != "" else None for limit in told)
    base = least(limits.rpm, rpm)
    rate = float(found or base or (NO_PACE_RPM if finds else START_RPM))
    return CredentialStatus(
        credential,
        Health(health),
        until(float(rests)) if rests else None,
        reason or None,
        flying,
        Counter(owners),
        places if limits.concurrency is None else limits.concurrency,
        Room(requests, limits.rpm, base, rpm),
        Room(tokens, limits.tpm, least(limits.tpm, tpm), tpm),
        Room(of_day, limits.rpd, least(limits.rpd, rpd), rpd),
        rate if base is None else min(base, rate),
    )
