"""The Celery tasks: shells around planning, dispatch and the tick."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from celery import Celery

from core import batches, jobs, leases, runs, sending
from core.db import AWAY, utc_now, words_of
from core.traces import Attributes
from worker.app import ADVANCE, DELIVER, DISPATCH, GATHER, PLAN, STALE_S, TICK
from worker.batches import advance, gather
from worker.deliver import deliver
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.planner import plan
from worker.recovery import recover
from worker.standstill import tell_of_stalls
from worker.upkeep import quiet

log = structlog.get_logger()


def register(app: Celery, engine: Engine) -> None:
    """Add the Celery tasks of a process to its application.

    Each is safe to deliver any number of times, late, twice at once, or never. None is shared:
    Celery would add it to each application of the process.
    """
    _register_batches(app, engine)
    _register_outbox(app, engine)

    def wake(name: str, *keys: UUID) -> None:
        app.send_task(name, [str(key) for key in keys], expires=STALE_S)

    @app.task(name=PLAN, shared=False)
    @reaching()
    def plan_run(run_id: str) -> None:
        with engine.database.read() as session:
            run = runs.get(session, UUID(run_id))
            parent = jobs.get(session, jobs.owner(run)).traceparent
        about: Attributes = {
            "gerbench.job": str(run.job_id), "gerbench.run": run_id, "gerbench.samples": run.samples
        }  # fmt: skip
        with engine.traces.span("plan", about, parent=parent):
            for _ in plan(engine, run.id):
                if run.model_id is not None:
                    wake(DISPATCH, run.model_id)

    @app.task(name=DISPATCH, shared=False)
    @reaching()
    def dispatch_model(model_id: str) -> None:
        key = UUID(model_id)
        engine.run(dispatch(engine, key, partial(wake, DISPATCH, key)))

    @app.task(name=TICK, shared=False)
    @reaching()
    def tick() -> None:
        engine.ticked_at = utc_now()
        # Before any rescue: the replies of the dead count while their leases last.
        recover(engine.database, engine.spool)
        for name, *keys in work_due(engine, now=engine.ticked_at):
            wake(name, *keys)
        # Last: nobody waits for it.
        engine.retention.step(now=engine.ticked_at)


def _register_batches(app: Celery, engine: Engine) -> None:
    """Add what moves batches on."""

    @app.task(name=GATHER, shared=False)
    @reaching()
    def gather_batch(job_id: str, model_id: str) -> None:
        gather(engine, UUID(job_id), UUID(model_id))

    @app.task(name=ADVANCE, shared=False)
    @reaching()
    def advance_batch(batch_id: str) -> None:
        advance(engine, UUID(batch_id))


def _register_outbox(app: Celery, engine: Engine) -> None:
    """Add what sends deliveries."""

    @app.task(name=DELIVER, shared=False)
    @reaching()
    def deliver_due() -> None:
        engine.run(deliver(engine))


@contextmanager
def reaching() -> Iterator[None]:
    """Say in a line that the database is away; the next tick tries again."""
    try:
        yield
    except AWAY as away:
        log.warning("the database is away", error=words_of(away))


def work_due(engine: Engine, *, now: datetime) -> list[tuple[Any, ...]]:
    """Tidy up, and return what else there is to do: names of Celery tasks, each with its ids."""
    database = engine.database
    if quiet(database, now=now):
        return []
    due = _queued(engine, now=now)
    # After the tidying: what has come to its end is told at once.
    with database.read() as session:
        outbox = [(DELIVER,)] if sending.any_due(session, now=now) else []
    return [*due, *outbox]


def _queued(engine: Engine, *, now: datetime) -> list[tuple[Any, ...]]:
    """Tidy up, and return what there is to do for jobs."""
    database = engine.database
    engine.upkeep.tidy()
    tell_of_stalls(engine, now=now)
    with database.read() as session:
        return [
            *((PLAN, run) for run in runs.unplanned(session)),
            *((DISPATCH, model) for model in leases.models_due(session, now=now)),
            *((GATHER, job, model) for job, model in batches.gatherable(session, now=now)),
            *((ADVANCE, batch) for batch in batches.due(session, now=now)),
        ]
