"""What follows when a provider takes a model's credentials no more."""

from uuid import UUID

from core import jobs, models
from core.db import Database, utc_now
from core.limiter.interface import Health
from core.rules.specs import ModelSpec
from worker.engine import Engine


async def pause_without_any(engine: Engine, model_id: UUID, model: ModelSpec, reason: str) -> bool:
    """Pause the model's runs if every credential is revoked; tell whether it is so.

    The runs wait for a person then, so the credentials are reinstated at once: a resumed run
    finds out by itself whether they are good.
    """
    limiter, keys = engine.limiter, model.credential_keys
    statuses = await limiter.status(str(model_id), model.limits, keys)
    if any(status.health is not Health.REVOKED for status in statuses):
        return False
    await engine.in_thread(_pause, engine.database, model_id, reason)
    for key in keys:
        await limiter.reinstate(str(model_id), key)
    return True


def _pause(database: Database, model_id: UUID, reason: str) -> None:
    """Pause the running runs of a model."""
    with database.read() as session:
        running = models.running(session, model_id)
    for run_id in running:
        with database.write.begin() as session:
            jobs.stop(session, run_id, reason, now=utc_now())
