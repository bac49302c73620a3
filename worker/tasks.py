"""The Celery tasks: shells around planning, dispatch and the tick."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import structlog
from celery import Celery

from core import leases, runs
from core.db import AWAY, utc_now, words_of
from worker.app import DISPATCH, PLAN, STALE_S, TICK
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.planner import plan
from worker.recovery import recover
from worker.upkeep import quiet, tidy

log = structlog.get_logger()


def register(app: Celery, engine: Engine) -> None:
    """Add the Celery tasks of a process to its application.

    Each is safe to deliver any number of times, late, twice at once, or never.
    """

    def wake(name: str, key: UUID) -> None:
        app.send_task(name, [str(key)], expires=STALE_S)

    @app.task(name=PLAN)
    def plan_run(run_id: str) -> None:
        with reaching():
            with engine.database.read() as session:
                model_id = runs.get(session, UUID(run_id)).model_id
            for _ in plan(engine, UUID(run_id)):
                if model_id is not None:
                    wake(DISPATCH, model_id)

    @app.task(name=DISPATCH)
    def dispatch_model(model_id: str) -> None:
        key = UUID(model_id)
        with reaching():
            engine.run(dispatch(engine, key, partial(wake, DISPATCH, key)))

    @app.task(name=TICK)
    def tick() -> None:
        with reaching():
            # Before any rescue: the replies of the dead count while their leases last.
            recover(engine.database, engine.spool)
            if quiet(engine.database):
                return
            tidy(engine.database, now=utc_now())
            with engine.database.read() as session:
                unplanned = runs.unplanned(session)
                due = leases.models_due(session, now=utc_now())
            for run_id in unplanned:
                wake(PLAN, run_id)
            for model_id in due:
                wake(DISPATCH, model_id)


@contextmanager
def reaching() -> Iterator[None]:
    """Say in a line that the database is away; the next tick tries again."""
    try:
        yield
    except AWAY as away:
        log.warning("the database is away", error=words_of(away))
