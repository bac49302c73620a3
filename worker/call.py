"""One request, from leased to settled."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from core.attempts import Heard, Opened, OpenedOrNot, Opening
from core.db import utc_now
from core.errors import InvalidMedia, MediaAway, MissingCredential
from core.leases import Leased
from core.limiter.interface import Grant, NeverFits
from core.prompts import RunContext, SampleInput, write
from core.providers.client import outgoing
from core.rules.money import cost_nano
from core.rules.readings import Exchange, Reading
from core.rules.specs import CredentialRef
from core.rules.states import RequestState
from core.rules.strategy import Verdict
from core.rules.tokens import estimate
from core.rules.work import request_cost
from core.settling import Settlement
from core.spending import REST
from core.traces import Span
from core.vocabulary import Result
from worker import telling
from worker.judging import settlement
from worker.turnstile import GivenBack, Turnstile

log = structlog.get_logger()

MEGABYTE = 1_000_000
SHORT_S = 0.001
"""A wait that is over before the attempt is written."""
NOT_SENT = "not sent: calls under way did not end, and the provider takes no more at once"
AWAY_S = 5.0
"""Before media are asked for again, once their store did not answer."""


@dataclass
class Built:
    """A body to send, and the tokens that it counts for."""

    content: bytes
    sent: dict[str, Any]
    sha256: str
    tokens: int
    most_nano: int | None
    """What the call costs at most, in billionths of a dollar; None: the model has no prices."""

    def take(self) -> bytes:
        """Return the content, and let go of it."""
        content, self.content = self.content, b""
        return content


Made: TypeAlias = Built | Reading | MediaAway
"""What a request came to when it was to be built."""


@dataclass(frozen=True)
class Call:
    """A leased request with all that is needed to make it."""

    turnstile: Turnstile
    request: Leased
    context: RunContext
    samples: Sequence[SampleInput]

    def build(self) -> Made:
        """Return what to send, or what ends a request that cannot be sent; off the loop.

        Where the media store does not answer, return that: nothing has happened to the request.
        """
        model, condition = self.turnstile.model, self.context.condition
        try:
            prompt = write(self.turnstile.engine.store, self.context, self.samples)
        except InvalidMedia as error:
            return Reading(Result.REJECTED, reason=str(error))
        except MediaAway as away:
            return away
        body = self.turnstile.adapter.build(model, prompt, condition.detail)
        size, most = len(body.content) / MEGABYTE, model.capabilities.body_mb
        if size > most:
            reason = f"a body of {size:.1f} MB; the model takes {most} MB"
            return Reading(Result.TOO_LARGE, reason=reason)
        tokens = estimate(prompt, condition.detail, model.image_tokens, model.max_tokens)
        price = request_cost(model.prices, tokens - model.max_tokens, model.max_tokens)
        return Built(body.content, body.sent, body.sha256, tokens, price)

    def named(self) -> dict[str, str | int | None]:
        """Return what a trace tells of the request."""
        if not self.turnstile.engine.traces.on:
            return {}
        return {
            "gerbench.job": str(self.context.job_id),
            "gerbench.run": str(self.request.run_id),
            "gerbench.request": self.request.id,
            "gerbench.model": self.turnstile.model.name,
            "gerbench.samples": len(self.samples),
        }

    async def make(self, built: Made) -> None:
        """Wait for room, write the attempt, send, and settle what came back.

        Raises GivenBack when the request is not sent.
        """
        if isinstance(built, MediaAway):
            log.warning("a request waits for its media", error=str(built))
            self.turnstile.pass_by()
            raise GivenBack(AWAY_S)
        if isinstance(built, Reading):
            self.turnstile.pass_by()
            await self._settle(built, None)
            return
        try:
            grant = await self.turnstile.enter(built.tokens)
        except NeverFits as error:
            await self._settle(Reading(Result.TOO_LARGE, reason=str(error)), None)
        else:
            await self._send(built, grant)

    async def _send(self, built: Built, grant: Grant) -> None:
        """Write the attempt, send it, and settle what came back."""
        secret = await self._secret(grant)
        if grant.delay_s > SHORT_S:
            await asyncio.sleep(grant.delay_s)
        stopping = self.turnstile.engine.stopping.is_set()
        opened = None if stopping else await self._open(built, grant)
        if not isinstance(opened, Opened):
            await self.turnstile.back_out(grant)
            raise GivenBack(REST.total_seconds() if opened else 0.0)
        if not await self.turnstile.gate.enter(self.turnstile.places):
            await self._withdraw(grant, opened)
            return
        with self._traced(grant, opened) as span:
            exchange, reading = await self._exchange(built, secret)
            span.note(telling.of_reply(exchange, reading), fault=telling.fault_of(reading))
        if self.turnstile.engine.tells_all:
            telling.attempt(grant, opened, exchange, reading)
        try:
            await self.turnstile.leave(grant, self.request.id, exchange, reading)
        finally:
            # Whatever happens to the accounts: what was paid for is stored.
            await self._settle(reading, (opened, exchange))

    async def _withdraw(self, grant: Grant, opened: Opened) -> None:
        """Take back an attempt that was written and did not leave."""
        await self.turnstile.back_out(grant)
        engine, now, result = self.turnstile.engine, utc_now(), Result.WITHDRAWN
        exchange = Exchange(None, {}, b"", 0.0, result, NOT_SENT, connected=False)
        heard = Heard(opened.id, exchange, Reading(result, reason=NOT_SENT), None, now)
        verdict = Verdict(RequestState.DUE)
        await engine.writer.write(
            Settlement(self.request, engine.owner, verdict, now, NOT_SENT, heard=heard)
        )

    def _traced(self, grant: Grant, opened: Opened) -> AbstractContextManager[Span]:
        """Return the span of an attempt. The provider is not told of the trace: it is ours."""
        traces, model = self.turnstile.engine.traces, self.turnstile.model
        about = telling.of_call(model, self.turnstile.url, grant, opened) if traces.on else {}
        return traces.span(f"chat {model.model}", about, kind="client")

    async def _exchange(self, built: Built, secret: str | None) -> tuple[Exchange, Reading]:
        """Send a body; return what came back, and what it means."""
        turnstile, adapter = self.turnstile, self.turnstile.adapter
        clock = turnstile.engine.loop.time
        since = clock()
        try:
            exchange = await turnstile.client.post(
                turnstile.url,
                adapter.headers(turnstile.model, secret),
                outgoing(built.take()),
                turnstile.model.timeout_s,
                secret=secret,
            )
        finally:
            turnstile.gate.leave(clock() - since)
        return exchange, adapter.read(exchange, now=utc_now())

    async def _secret(self, grant: Grant) -> str | None:
        """Return the secret to send with, read at its use. Raises GivenBack without it."""
        refs: dict[str, CredentialRef] = {ref.key: ref for ref in self.turnstile.model.credentials}
        if grant.credential not in refs:
            return None
        try:
            model = self.turnstile.model
            return self.turnstile.engine.vault.resolve(refs[grant.credential], model.sealed)
        except MissingCredential as error:
            await self.turnstile.back_out(grant)
            await self.turnstile.revoke(grant.credential, str(error))
            raise GivenBack from error

    async def _open(self, built: Built, grant: Grant) -> OpenedOrNot:
        """Write the attempt ahead of the call, unless something keeps it from being sent."""
        engine = self.turnstile.engine
        opening = Opening(
            self.request,
            engine.owner,
            grant.credential,
            built.sent,
            built.sha256,
            utc_now(),
            built.most_nano,
        )
        return await engine.writer.write(opening)

    async def _settle(self, reading: Reading, sent: tuple[Opened, Exchange] | None) -> None:
        """Store what came back and what follows from it."""
        engine, now = self.turnstile.engine, utc_now()
        heard = None
        if sent is not None:
            opened, exchange = sent
            cost = cost_nano(self.turnstile.model.prices, reading.usage)
            heard = Heard(opened.id, exchange, reading, cost, now)
        await engine.writer.write(
            settlement(
                self.request,
                self.context,
                self.samples,
                reading,
                heard,
                owner=engine.owner,
                now=now,
                outage=self.turnstile.in_outage,
            )
        )
