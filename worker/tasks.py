"""The Celery tasks: shells around planning, dispatch and the tick."""

from functools import partial
from uuid import UUID

from celery import Celery

from core import leases, runs
from core.db import utc_now
from worker.app import DISPATCH, PLAN, STALE_S, TICK
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.planner import plan
from worker.upkeep import quiet, tidy


def register(app: Celery, engine: Engine) -> None:
    """Add the Celery tasks of a process to its application.

    Each is safe to deliver any number of times, late, twice at once, or never.
    """

    def wake(name: str, key: UUID) -> None:
        app.send_task(name, [str(key)], expires=STALE_S)

    @app.task(name=PLAN)
    def plan_run(run_id: str) -> None:
        with engine.database.read() as session:
            model_id = runs.get(session, UUID(run_id)).model_id
        for _ in plan(engine, UUID(run_id)):
            if model_id is not None:
                wake(DISPATCH, model_id)

    @app.task(name=DISPATCH)
    def dispatch_model(model_id: str) -> None:
        key = UUID(model_id)
        engine.run(dispatch(engine, key, partial(wake, DISPATCH, key)))

    @app.task(name=TICK)
    def tick() -> None:
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
