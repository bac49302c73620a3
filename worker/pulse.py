"""How others see that this process lives, and how the limits that it keeps stand."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from core import workers
from core.db import AWAY, utc_now, words_of
from core.limiter.interface import LimiterAway
from core.rules.standings import CredentialStanding, ModelStanding
from core.workers import Life
from worker.engine import Engine
from worker.spool import size_of

log = structlog.get_logger()

PULSE_S = 5.0
"""Between two words: four may go amiss before a worker is taken for dead."""

LAST_WORD_S = 1.0
"""How long a stop waits for the last one."""


async def beat(engine: Engine) -> None:
    """Say again and again that this process lives, until it stops, and that it does then.

    One small transaction each time, beside the calls. A word that cannot be written is left out:
    whoever counts them allows for that.
    """
    started_at = utc_now()
    while not engine.stopping.is_set():
        await _say(engine, _life(engine, started_at))
        with suppress(TimeoutError):
            async with asyncio.timeout(PULSE_S):
                await engine.stopping.wait()
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD_S):
            await _say(engine, replace(_life(engine, started_at), stopped_at=utc_now()))


def _life(engine: Engine, started_at: datetime) -> Life:
    """Return what this process says of itself."""
    return Life(engine.owner, started_at, engine.ticked_at, engine.upkeep.rescued)


async def _say(engine: Engine, life: Life) -> None:
    """Write that this process lives, and how the models stand that it calls."""
    standings = {model_id: await _look(engine, model_id) for model_id in list(engine.called)}
    try:
        await engine.in_thread(partial(_write, engine, life, standings))
    except AWAY as away:
        log.warning("nobody is told that this worker lives", error=words_of(away))


async def _look(engine: Engine, model_id: UUID) -> ModelStanding:
    """Return how a model stands; one that is at rest with no call out is not looked at again."""
    spec, want = engine.called[model_id], engine.wants.get(model_id)
    try:
        found = await engine.limiter.status(str(model_id), spec.limits, spec.credential_keys)
    except LimiterAway as away:
        return ModelStanding(want=want, away=str(away))
    at_rest = engine.resting.get(model_id, 0.0) < engine.loop.time() - PULSE_S
    if at_rest and model_id not in engine.leasing and not any(each.in_flight for each in found):
        del engine.called[model_id]
    credentials = [CredentialStanding.model_validate(each) for each in found]
    taken = engine.courses[model_id].gate.taken
    if taken is not None:
        # Of its one credential the limiter also counts those that have room ahead of their place.
        credentials = [each.model_copy(update={"in_flight": taken}) for each in credentials]
    return ModelStanding(credentials=credentials, want=want)


def _write(engine: Engine, life: Life, standings: dict[UUID, ModelStanding]) -> None:
    """Write it all in one transaction; models in one order for all workers."""
    now, spooled = utc_now(), size_of(engine.spool)
    with engine.database.write.begin() as session:
        workers.note(session, replace(life, spool_bytes=spooled), now=now)
        for model_id, standing in sorted(standings.items()):
            workers.note_standing(session, model_id, standing, now=now)
