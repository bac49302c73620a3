"""Where the calls of a slice wait for room under the provider's limits."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from uuid import UUID

import structlog

from core.db import utc_now
from core.limiter.interface import (
    Cost,
    Grant,
    Health,
    LimiterAway,
    NeverFits,
    Outcome,
    Reserved,
    Rest,
    Wait,
)
from core.models import DeclaredModel
from core.providers.adapters import adapter_for
from core.rules.headers import seen_limits
from core.rules.readings import Exchange, Reading
from core.rules.specs import Limits
from core.rules.standings import Want
from core.vocabulary import Result
from worker.engine import Engine
from worker.revoked import pause_without_any

log = structlog.get_logger()

HORIZON_S = 2.0
"""How far ahead room is reserved: enough that no slot idles, little enough to stop quickly."""

REST_S = 15.0
"""Longest rest of a model without room, so that a raised limit is noticed."""

TTL_MARGIN_S = 60.0
"""A reservation outlasts the longest call by this much; then its worker is taken for dead."""

AGAIN_S = 0.25
"""Between askings for room while calls wait for it."""

AWAY_S = 1.0
"""Between tries while the limiter cannot be reached."""

RESTS = {
    Result.RATE_LIMITED: Health.THROTTLED,
    Result.QUOTA: Health.EXHAUSTED,
    Result.UNAUTHORIZED: Health.REVOKED,
}
"""What a credential is after a reply that asks for a rest."""

OVERLOADS = {Result.SERVER_ERROR, Result.TIMEOUT, Result.RESET}
"""What a server that has too much to do comes to, among other causes."""

TOGETHER = 32
"""Calls that room is asked for at once: one round trip serves them all where limits are shared."""


class GivenBack(Exception):
    """A request is not sent now; it may be again after `wait_s`."""

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


@dataclass
class Place:
    """A call in the line."""

    tokens: int
    room: asyncio.Future[Grant]


class Turnstile:
    """The way out for one model's calls: they stand in line, and room is asked for in their order.

    Those at its head are asked for together.
    """

    def __init__(
        self, engine: Engine, model_id: UUID, model: DeclaredModel, slice_s: float
    ) -> None:
        self.engine = engine
        self.model_id = model_id
        self.model = model
        self.adapter = adapter_for(model.wire)
        self.url = self.adapter.url(model)
        self.client = engine.clients.of(self.url, trusted=model.trusted)
        self.waiting = 0
        """Calls that are leased and have no room yet."""
        self.granted = 0
        """Calls that had room given so far."""
        self.gate = engine.courses[model_id].gate
        # Where several share the places, which call has one is the limiter's to say.
        own = engine.alone and len(model.credential_keys) == 1
        self.places = model.limits.concurrency if own else None
        """How many calls may be at the provider at once, where that is for the gate to see to."""
        self._outage = engine.courses[model_id].outage
        self._deadline = engine.loop.time() + slice_s
        self._closed = False
        self._line: deque[Place] = deque()
        self._asking: asyncio.Task[None] | None = None
        self._out = 0
        """Calls that have room and are not over."""
        self._freed = asyncio.Event()
        self._thin = 0
        self._thinned = asyncio.Event()

    @property
    def left_s(self) -> float:
        """Return the seconds for which calls may still leave."""
        return 0.0 if self._shut else max(0.0, self._deadline - self.engine.loop.time())

    @property
    def over(self) -> bool:
        """Tell whether the time has passed in which calls may leave, and nothing else ended it."""
        return not self._shut and not self.left_s

    @property
    def _shut(self) -> bool:
        return self._closed or self.engine.stopping.is_set()

    def close(self) -> None:
        """Let nothing more out."""
        self._closed = True
        self._freed.set()

    def expect(self, calls: int) -> None:
        """Count calls that will enter, or pass by."""
        self.waiting += calls

    def pass_by(self) -> None:
        """Count a call that will not enter after all."""
        self.waiting -= 1
        if self.waiting <= self._thin:
            self._thinned.set()

    async def thinned(self, waiting: int, seconds: float) -> None:
        """Return when so few calls wait, at the latest after so many seconds."""
        self._thin = waiting
        self._thinned.clear()
        await _within(self._thinned, seconds)

    async def enter(self, tokens: int) -> Grant:
        """Return room for a call of so many tokens, once it has come.

        Raises GivenBack when the slice ends first, NeverFits when no wait would help.
        """
        place = Place(tokens, self.engine.loop.create_future())
        self._line.append(place)
        if self._asking is None:
            self._asking = self.engine.loop.create_task(self._serve())
        try:
            grant = await place.room
            self.granted += 1
            return grant
        finally:
            self.pass_by()

    async def _serve(self) -> None:
        """Get room for the line until it is empty; give it back when the slice ends.

        What is given back is due when there was to be room: part of the wait is over by then.
        """
        clock = self.engine.loop.time
        room_at = clock()
        try:
            while self._line and (left := self.left_s):
                if self._line[0].room.done():  # whoever asked is gone
                    self._line.popleft()
                else:
                    asked_at = clock()
                    room_at = asked_at + await self._serve_first(left)
        finally:
            self._asking = None
            wait = min(max(0.0, room_at - clock()), REST_S)
            while self._line:
                place = self._line.popleft()
                if not place.room.done():
                    place.room.set_exception(GivenBack(wait))

    async def _serve_first(self, left: float) -> float:
        """Ask once for the first in the line, and wait as told; return the wait."""
        if self.in_outage and (wait := await self._hold_back(left)) is not None:
            return wait
        asked = list(islice(self._line, 1 if self.in_outage else TOGETHER))
        try:
            reserved = await self._reserve([Cost(tokens=place.tokens) for place in asked])
        except NeverFits as error:
            self._line.popleft()
            if not asked[0].room.done():
                asked[0].room.set_exception(error)
            return 0.0
        for place, grant in zip(asked, reserved.grants, strict=False):
            self._line.popleft()
            self._out += 1
            if place.room.done():
                await self.back_out(grant)
            else:
                place.room.set_result(grant)
        if reserved.wait is None:
            self.engine.wants.pop(self.model_id, None)
            return 0.0
        wait = reserved.wait.delay_s
        until = utc_now() + timedelta(seconds=wait)
        self.engine.wants[self.model_id] = Want(until=until, reason=reserved.wait.reason)
        # A call that ends may give room back long before the wait is over; so may one of another
        # worker, whose end nobody tells us of.
        if wait > left and not self._out:
            self._rest(wait)
        else:
            self._freed.clear()
            await _within(self._freed, min(wait, left, AGAIN_S))
        return wait

    @property
    def in_outage(self) -> bool:
        """Tell whether the endpoint is taken to be down."""
        return self._outage.down

    async def _hold_back(self, left: float) -> float | None:
        """Rest while the endpoint is down; None if nobody tries it and the next call may."""
        rest = self._outage.rest_s(self.engine.loop.time())
        if rest > 0:
            self._rest(rest)
            return rest
        if not self._out:
            return None
        self._freed.clear()
        await _within(self._freed, left)
        return 0.0

    async def _reserve(self, costs: list[Cost]) -> Reserved:
        """Ask for room; while the limiter is away there is none."""
        try:
            return await self.engine.limiter.reserve(
                str(self.model_id),
                self._limits,
                self.model.credential_keys,
                costs,
                owner=self.engine.owner,
                horizon_s=HORIZON_S,
                ttl_s=self.model.timeout_s + TTL_MARGIN_S,
            )
        except LimiterAway as away:
            log.warning("no room can be reserved", reason=str(away))
            return Reserved((), Wait(AWAY_S, str(away)))

    @property
    def _limits(self) -> Limits:
        """Return what room is asked for under: some calls have it before their place is free."""
        limits, ahead = self.model.limits, self.gate.ahead(self.places)
        if not ahead or self.places is None:
            return limits
        return limits.model_copy(update={"concurrency": self.places + ahead})

    async def back_out(self, grant: Grant) -> None:
        """Give room back that was not used."""
        with _forgiven():
            await self.engine.limiter.release(str(self.model_id), grant)
        self._out -= 1
        self._freed.set()

    async def leave(
        self, grant: Grant, request_id: int, exchange: Exchange, reading: Reading
    ) -> None:
        """Account for a call that is over, and learn from what the provider said."""
        self._outage.hear(request_id, reading.result, self.engine.loop.time())
        self._out -= 1
        with _forgiven():
            await self._account(grant, exchange, reading)
        self._freed.set()

    async def _account(self, grant: Grant, exchange: Exchange, reading: Reading) -> None:
        """Settle the reservation; rest or revoke the credential where the reply asks for it."""
        usage, health = reading.usage, RESTS.get(reading.result)
        reason = reading.reason or ""
        outcome = Outcome(
            tokens=usage.total if usage else None,
            seen=seen_limits(exchange.headers, utc_now()),
            failed=reading.result in OVERLOADS,
            rest=Rest(health, reading.retry_after_s, reason) if health else None,
        )
        await self.engine.limiter.settle(str(self.model_id), grant, outcome)
        if health in {Health.EXHAUSTED, Health.REVOKED}:
            # In whose words, its attempts tell: a provider may repeat in them what it was sent.
            log.warning(
                "a credential is not used any more",
                model=self.model.name,
                credential=grant.credential,
                health=health,
            )
        if health is Health.REVOKED:
            await self._stop_without_credentials(f"{grant.credential} was rejected: {reason}")

    async def revoke(self, credential: str, reason: str) -> None:
        """Use a credential no more; without any left, pause the model's runs and say why."""
        rest = Rest(Health.REVOKED, None, reason)
        await self.engine.limiter.penalize(str(self.model_id), credential, rest)
        await self._stop_without_credentials(f"{credential} was rejected: {reason}")

    async def _stop_without_credentials(self, reason: str) -> None:
        """Let nothing more out if every credential is revoked, and say why."""
        if await pause_without_any(self.engine, self.model_id, self.model, reason):
            self.close()

    def _rest(self, seconds: float) -> None:
        """Let nothing more out: there is no room before the slice ends."""
        until = self.engine.loop.time() + min(seconds, REST_S)
        self.engine.resting[self.model_id] = until
        self.close()


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


@contextmanager
def _forgiven() -> Iterator[None]:
    """Go on when the limiter is away: what came back matters more than how it is counted.

    The reservation ends with its time to live then.
    """
    try:
        yield
    except LimiterAway as away:
        log.warning("a call was not accounted for", reason=str(away))
