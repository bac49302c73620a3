"""One request, from leased to settled."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from core import credentials
from core.attempts import Heard, Opened, Opening
from core.db import utc_now
from core.errors import InvalidMedia, MissingCredential
from core.leases import Leased
from core.limiter.interface import Grant, NeverFits
from core.prompts import RunContext, SampleInput, write
from core.providers.adapters import Adapter, adapter_for
from core.providers.body import Body
from core.rules.money import cost_nano
from core.rules.readings import Exchange, Reading
from core.rules.replies import understand
from core.rules.specs import CredentialRef
from core.rules.strategy import Verdict, decide
from core.rules.tokens import estimate
from core.settling import Settlement
from core.vocabulary import Result
from worker.turnstile import GivenBack, Turnstile

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Call:
    """A leased request with all that is needed to make it."""

    turnstile: Turnstile
    request: Leased
    context: RunContext
    samples: Sequence[SampleInput]

    async def make(self) -> None:
        """Prepare, wait for room, write the attempt, send, and settle what came back.

        Raises GivenBack when the request is not sent.
        """
        engine = self.turnstile.engine
        try:
            body, tokens = await engine.in_thread(self._build)
            grant = await self.turnstile.enter(tokens)
        except InvalidMedia as error:
            await self._settle(Reading(Result.REJECTED, reason=str(error)), None)
        except NeverFits as error:
            await self._settle(Reading(Result.TOO_LARGE, reason=str(error)), None)
        else:
            await self._send(body, grant)

    @property
    def _adapter(self) -> Adapter:
        """Return the wire format of the model."""
        return adapter_for(self.turnstile.model.wire)

    def _build(self) -> tuple[Body, int]:
        """Return the body to send and the tokens it counts for; off the loop.

        Raises InvalidMedia, or NeverFits when it is larger than the model takes.
        """
        model, condition = self.turnstile.model, self.context.condition
        prompt = write(self.turnstile.engine.store, self.context, self.samples)
        body = self._adapter.build(model, prompt, condition.detail)
        size, most = len(body.content) / MEGABYTE, model.capabilities.body_mb
        if size > most:
            raise NeverFits(f"a body of {size:.1f} MB; the model takes {most} MB")
        tokens = estimate(prompt, condition.detail, model.image_tokens, model.max_tokens)
        return body, tokens

    async def _send(self, body: Body, grant: Grant) -> None:
        """Write the attempt, send it, and settle what came back."""
        secret = await self._secret(grant)
        await asyncio.sleep(grant.delay_s)
        stopping = self.turnstile.engine.stopping.is_set()
        opened = None if stopping else await self._open(body, grant)
        if opened is None:
            await self.turnstile.back_out(grant)
            raise GivenBack
        model, adapter = self.turnstile.model, self._adapter
        exchange = await self.turnstile.engine.client.post(
            adapter.url(model),
            adapter.headers(model, secret),
            body.content,
            model.timeout_s,
            secret=secret,
        )
        reading = adapter.read(exchange, now=utc_now())
        try:
            await self.turnstile.leave(grant, exchange, reading)
        finally:
            # Whatever happens to the accounts: what was paid for is stored.
            await self._settle(reading, (opened, exchange))

    async def _secret(self, grant: Grant) -> str | None:
        """Return the secret to send with, read at its use. Raises GivenBack without it."""
        refs: dict[str, CredentialRef] = {ref.key: ref for ref in self.turnstile.model.credentials}
        if grant.credential not in refs:
            return None
        try:
            return credentials.resolve(refs[grant.credential])
        except MissingCredential as error:
            await self.turnstile.back_out(grant)
            await self.turnstile.revoke(grant.credential, str(error))
            raise GivenBack from error

    async def _open(self, body: Body, grant: Grant) -> Opened | None:
        """Write the attempt ahead of the call; None when it may not be sent any more."""
        engine = self.turnstile.engine
        opening = Opening(
            self.request, engine.owner, grant.credential, body.sent, body.sha256, utc_now()
        )
        return await asyncio.wrap_future(engine.writer.write(opening))

    async def _settle(self, reading: Reading, sent: tuple[Opened, Exchange] | None) -> None:
        """Store what came back and what follows from it."""
        engine, now = self.turnstile.engine, utc_now()
        heard = None
        if sent is not None:
            opened, exchange = sent
            cost = cost_nano(self.turnstile.model.prices, reading.usage)
            heard = Heard(opened.id, exchange, reading, cost, now)
        verdict, reason = self._judge(reading)
        settlement = Settlement(
            self.request,
            engine.owner,
            verdict,
            now,
            reason,
            [self.context.classes.right(s.target, s.number) for s in self.samples],
            heard,
        )
        await asyncio.wrap_future(engine.writer.write(settlement))

    def _judge(self, reading: Reading) -> tuple[Verdict, str | None]:
        """Return what becomes of the request, and why where it is no plain answer."""
        names, labels = self.context.names(len(self.samples)), self.context.labels
        said = understand(reading, names=names, labels=labels)
        jitter = random.random()
        verdict = decide(
            self.request.asked, reading, said.parsed, refusal=said.refusal, jitter=jitter
        )
        return verdict, said.reason
