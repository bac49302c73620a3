"""What is due in the outbox, sent: leased, signed, tried, settled."""

import asyncio
import random
from datetime import timedelta
from functools import partial

import structlog

from core import sending
from core.db import AWAY, utc_now, words_of
from core.errors import MissingCredential
from core.rules.webhooks import Answer, headers
from core.sending import Parcel
from worker.courier import TIMEOUT_S
from worker.engine import Engine

log = structlog.get_logger()

SLOTS = 32
"""Tries under way at once in a process."""
LASTS = timedelta(seconds=TIMEOUT_S + 50)
"""A lease outlasts the try and a database that is slow to answer."""
SLICE_S = 20.0
"""How long one wake-up leases; the next tick brings another."""
LOOK_S = 0.25
"""Between looks at the outbox while tries are under way."""
UNSIGNED = "there is no secret to sign with"


async def deliver(engine: Engine) -> None:
    """Send what is due until nothing is, unless this process is at it already."""
    if engine.delivering:
        return
    engine.delivering = True
    until = engine.loop.time() + SLICE_S
    tasks: set[asyncio.Task[None]] = set()
    try:
        while engine.loop.time() < until and not engine.stopping.is_set():
            for parcel in await engine.in_thread(_lease, engine, SLOTS - len(tasks)):
                tasks.add(task := engine.loop.create_task(_carry(engine, parcel)))
                # A stop cuts it off; its lease runs out then.
                engine.calls.add(task)
                task.add_done_callback(engine.calls.discard)
            if not tasks:
                return
            _, tasks = await asyncio.wait(
                tasks, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED
            )
    finally:
        engine.delivering = False
        if tasks:
            await asyncio.wait(tasks)


def _lease(engine: Engine, slots: int) -> list[Parcel]:
    """Take what is due; looks before it writes."""
    now = utc_now()
    with engine.database.read() as session:
        if slots == 0 or not sending.any_due(session, now=now):
            return []
    with engine.database.write.begin() as session:
        return sending.lease(
            session, owner=engine.owner, slots=slots, lasts=LASTS, seed=random.random(), now=now
        )


async def _carry(engine: Engine, parcel: Parcel) -> None:
    """Make one try and store what came of it; while the database is away its lease runs out."""
    sent_at = utc_now()
    answer = await _try(engine, parcel)
    settle = partial(
        sending.settle,
        claim=parcel.claim,
        answer=answer,
        sent_at=sent_at,
        seed=random.random(),
    )

    def store() -> bool:
        with engine.database.write.begin() as session:
            return settle(session, now=utc_now())

    try:
        await engine.in_thread(store)
    except AWAY as away:
        log.warning("what came of a delivery is not stored", error=words_of(away))
    except Exception:
        log.exception("a delivery was not settled", delivery=str(parcel.claim.delivery_id))
    if not answer.taken:
        log.info(
            "a delivery was not taken",
            delivery=str(parcel.claim.delivery_id),
            tries=parcel.claim.tries,
            error=answer.error,
        )


async def _try(engine: Engine, parcel: Parcel) -> Answer:
    """Sign a message and bring it."""
    if not parcel.sealed:
        return Answer(error=UNSIGNED)
    try:
        secrets = [engine.vault.open(sealed) for sealed in parcel.sealed]
    except MissingCredential as error:
        return Answer(error=str(error))
    signed = headers(secrets, str(parcel.claim.delivery_id), utc_now(), parcel.body)
    return await engine.courier.bring(
        parcel.url, signed, parcel.body.encode(), trusted=parcel.trusted
    )
