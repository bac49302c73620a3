"""Steps of batches: filled, uploaded, looked at, harvested. Waiting is in the row, never here."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from core import batch_lines, batches, models
from core.db import utc_now
from core.errors import MissingCredential
from core.limiter.interface import Health, LimiterAway
from core.models import DeclaredModel
from core.providers.batch_api import BatchFault
from core.providers.openai_batch import RemoteBatch
from core.rules.batches import (
    ENDING_OF,
    SHORTEST_POLL_S,
    UNHEARD,
    URLS,
    BatchState,
    Ending,
    is_gone,
    poll_after,
    rest_after,
)
from core.rules.readings import Reading
from core.rules.specs import ModelSpec
from core.tables import Batch
from core.vocabulary import Result
from worker.batch_files import CHANGED, fill, rebuild
from worker.engine import Engine
from worker.harvest import harvest
from worker.held import HOLD, READY, Held, Interrupted, Lost, new_token
from worker.turnstile import Turnstile

log = structlog.get_logger()

SOON = timedelta(seconds=SHORTEST_POLL_S)
AFTER_A_BUG = timedelta(minutes=1)
CLOCKS = timedelta(hours=1)
"""How far the provider's clock and ours may differ."""
WORTH_ANOTHER_TRY = frozenset(
    {
        Result.QUOTA,
        Result.RATE_LIMITED,
        Result.SERVER_ERROR,
        Result.TIMEOUT,
        Result.RESET,
        Result.MALFORMED,
    }
)
"""What a call about a batch may come to that passes by itself."""
UNWANTED = "its job was paused or cancelled before the batch was created"


def gather(engine: Engine, job_id: UUID, model_id: UUID) -> None:
    """Begin a batch of what waits for one, unless somebody does, and carry it to the provider."""
    with engine.database.read() as session:
        model = models.declared(session, model_id)
        under_way = batches.open_by_credential(session, model_id)
    healthy = engine.run(_healthy(engine, model_id, model))
    if not healthy:
        return
    token, now = new_token(engine), utc_now()
    with engine.database.write.begin() as session:
        batch = batches.begin(
            session,
            job_id,
            model_id,
            credential=min(healthy, key=lambda key: under_way.get(key, 0)),
            base_url=str(model.base_url),
            token=token,
            until=now + HOLD,
            now=now,
        )
    if batch is not None:
        _carry(Held(engine, batch, token, model, fresh=True))


def advance(engine: Engine, batch_id: UUID) -> None:
    """Do the next step of a batch, and those that follow at once, unless somebody does."""
    token, now = new_token(engine), utc_now()
    with engine.database.write.begin() as session:
        batch = batches.claim(session, batch_id, token, until=now + HOLD, now=now)
    if batch is None:
        return
    with engine.database.read() as session:
        model = models.declared(session, batch.model_id)
    _carry(Held(engine, batch, token, at(model, batch)))


def at(model: DeclaredModel, batch: Batch) -> DeclaredModel:
    """Return a model as it is declared, at the address where a batch is.

    One that has another address by now is trusted no longer: who named the old one is not known.
    """
    trusted = model.trusted and str(model.base_url) == batch.base_url
    changes = {"base_url": batch.base_url, "trusted": trusted}
    return DeclaredModel.model_validate({**model.model_dump(), **changes})


async def _healthy(engine: Engine, model_id: UUID, model: ModelSpec) -> list[str]:
    """Return the credentials of a model that are good; all while the limiter is away."""
    keys = model.credential_keys
    try:
        statuses = await engine.limiter.status(str(model_id), model.limits, keys)
    except LimiterAway:
        return list(keys)
    bad = {Health.REVOKED, Health.EXHAUSTED}
    return [status.credential for status in statuses if status.health not in bad]


def _carry(held: Held) -> None:
    """Do steps until one has to wait; a bug in one must not end the process's other work."""
    try:
        parent = held.traceparent()
        while held.going:
            state = held.batch.state
            with held.engine.traces.span(f"batch {state}", held.named(), parent=parent) as span:
                STEPS[state](held)
                span.note({"gerbench.batch.lines": held.batch.lines})
    except Lost:
        log.warning("a step of a batch was overtaken", batch=str(held.batch.id))
    except Interrupted:
        held.let_go(timedelta(0))
    except Exception:
        log.exception("a step of a batch failed", batch=str(held.batch.id))
        held.let_go(AFTER_A_BUG)


def _prepare(held: Held) -> None:
    """Fill a batch that was just begun; what a dead worker left goes as it is."""
    if held.fresh:
        fill(held)
    else:
        with held.engine.database.write.begin() as session:
            held.keep(session)
            batch_lines.put_back(session, held.batch.id)
    if held.batch.lines:
        held.move(BatchState.UPLOADING)
    else:
        held.move(BatchState.CANCELLED, ending=Ending.CANCELLED, reason="it holds no line")


def _upload(held: Held) -> None:
    """Bring the file to the provider and create the batch, once, whatever was interrupted."""
    asked = held.batch.creating_at is not None
    try:
        remote = _created(held)
    except BatchFault as fault:
        _not_created(held, fault.reading, asked=asked)
    except MissingCredential as error:
        _not_created(held, Reading(Result.UNAUTHORIZED, reason=str(error)), asked=asked)
    else:
        if remote is not None:
            _submitted(held, remote)


def _created(held: Held) -> RemoteBatch | None:
    """Return the provider's batch, found or made; None where the step ended otherwise.

    A creation that was asked for and whose end nobody heard is looked for first: it may have
    happened, and show in the provider's list only after a moment.
    """
    batch = held.batch
    ours, since = str(batch.id), (batch.created_at - CLOCKS).timestamp()
    if batch.creating_at is not None:
        found = held.call(lambda api: api.find(ours, since=since))
        if found is not None:
            return found
        if (left := batch.creating_at + UNHEARD - utc_now()) > timedelta(0):
            held.let_go(left)
            return None
    if not held.is_wanted():
        held.move(BatchState.HARVESTING, ending=Ending.CANCELLED, reason=UNWANTED)
        return None
    file_id = batch.file_id or _uploaded(held)
    if file_id is None:
        held.move(BatchState.HARVESTING, ending=Ending.CANCELLED, reason=CHANGED)
        return None
    held.note(creating_at=utc_now())
    return held.call(lambda api: api.create(file_id, URLS[held.model.wire], ours))


def _uploaded(held: Held) -> str | None:
    """Return the provider's name of the file, once it is there; None for one without a line."""
    path = held.file(READY)
    if not path.exists():
        rebuild(held)
    if not held.batch.lines:
        return None
    file_id = held.call(lambda api: api.upload(path, f"gerbench-{held.batch.id}.jsonl"))
    held.note(file_id=file_id)
    return file_id


def _submitted(held: Held, remote: RemoteBatch) -> None:
    """Note that the batch is at the provider; it is looked at from now on."""
    expires = remote.expires_at
    held.move(
        BatchState.SUBMITTED,
        provider_id=remote.id,
        provider_status=remote.status,
        submitted_at=utc_now(),
        expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
        tries=0,
        reason=None,
    )
    held.let_go(SOON)


def _not_created(held: Held, reading: Reading, *, asked: bool) -> None:
    """Try again later where that may help; else give the batch up.

    Before its creation was ever `asked` for nothing was paid. After that only the provider can
    tell: it is asked until it does, and where it never will, the lines are unknown.
    """
    reason = reading.reason
    if reading.result in WORTH_ANOTHER_TRY or (asked and reading.result is not Result.REJECTED):
        tries = held.batch.tries + 1
        held.let_go(rest_after(tries, reading.retry_after_s), tries=tries, reason=reason)
        return
    ending = Ending.GONE if asked else Ending.REJECTED
    if reading.result is Result.UNAUTHORIZED:
        # Another credential may do; without any, this pauses the model's runs.
        turnstile = Turnstile(held.engine, held.batch.model_id, held.model, 0.0)
        held.engine.run(turnstile.revoke(held.batch.credential, reason or ""))
        ending = Ending.CANCELLED
    held.move(BatchState.HARVESTING, ending=ending, reason=reason)


def _poll(held: Held) -> None:
    """Look at a batch; ask for its end where nobody wants it any more."""
    provider_id = held.batch.provider_id or ""
    try:
        remote = held.call(lambda api: api.get(provider_id))
        if remote.status not in ENDING_OF and not _asked_to_cancel(held) and not held.is_wanted():
            held.note(cancel_asked_at=utc_now())
            held.call(lambda api: api.cancel(provider_id))
    except BatchFault as fault:
        _unseen(held, fault)
    except MissingCredential as error:
        tries = held.batch.tries + 1
        held.let_go(rest_after(tries, None), tries=tries, reason=str(error))
    else:
        _seen(held, remote)


def _asked_to_cancel(held: Held) -> bool:
    return held.batch.cancel_asked_at is not None


def _seen(held: Held, remote: RemoteBatch) -> None:
    """Keep what the provider says of a batch, and move on when it is over."""
    told = {
        "provider_status": remote.status,
        "completed": remote.completed,
        "failed": remote.failed,
        "tries": 0,
    }
    ending = ENDING_OF.get(remote.status)
    if ending is not None:
        first = next(iter(remote.faults), None)
        reason = None if first is None else f"{first.code}: {first.message}"
        held.move(BatchState.HARVESTING, ending=ending, reason=reason, **told)
        return
    age = utc_now() - (held.batch.cancel_asked_at or held.batch.submitted_at or utc_now())
    held.let_go(poll_after(age), reason=None, **told)


def _unseen(held: Held, fault: BatchFault) -> None:
    """Look again later, or give up a batch that its provider does not know."""
    tries, reason = held.batch.tries + 1, fault.reading.reason
    unknown = tries if fault.is_unknown else 0
    if is_gone(unknown, expires_at=held.batch.expires_at, now=utc_now()):
        reason = f"the provider knows the batch no more: {reason}"
        held.move(BatchState.HARVESTING, ending=Ending.GONE, tries=0, reason=reason)
        return
    held.let_go(rest_after(tries, fault.reading.retry_after_s), tries=tries, reason=reason)


STEPS: Mapping[BatchState, Callable[[Held], None]] = {
    BatchState.PREPARING: _prepare,
    BatchState.UPLOADING: _upload,
    BatchState.SUBMITTED: _poll,
    BatchState.HARVESTING: harvest,
}
