"""How a model's credentials stand, written for people while its calls are made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from core import standings
from core.db import utc_now
from core.limiter.interface import CredentialStatus, LimiterAway
from worker.turnstile import Turnstile

log = structlog.get_logger()

LOOK_S = 3.0
"""Between looks while calls are made."""


@asynccontextmanager
async def watched(turnstile: Turnstile) -> AsyncIterator[None]:
    """Write how the credentials stand, every few seconds and once at the end."""
    looks = turnstile.engine.loop.create_task(_keep_looking(turnstile))
    try:
        yield
    finally:
        looks.cancel()
        await look(turnstile)


async def _keep_looking(turnstile: Turnstile) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        await look(turnstile)


async def look(turnstile: Turnstile) -> None:
    """Write how the credentials stand now; what cannot be seen or written now will be later."""
    engine, model = turnstile.engine, turnstile.model
    try:
        statuses = await engine.limiter.status(
            str(turnstile.model_id), model.limits, model.credential_keys
        )
    except LimiterAway as away:
        log.warning("the limits cannot be seen", reason=str(away))
        return
    await engine.in_thread(partial(_store, turnstile, statuses))


def _store(turnstile: Turnstile, statuses: list[CredentialStatus]) -> None:
    now, wait = utc_now(), None
    if turnstile.rests is not None:
        wait = standings.Wait(
            now + timedelta(seconds=turnstile.rests.delay_s), turnstile.rests.reason
        )
    with turnstile.engine.database.write.begin() as session:
        standings.store(session, turnstile.model_id, statuses, wait, now=now)
