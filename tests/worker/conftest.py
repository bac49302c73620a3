"""An engine on a database of its own, and the local endpoint."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from core import jobs, runs
from core.db import Base, Database, utc_now
from core.rules.submissions import Submission
from core.settings import Settings
from core.tables import Run
from gerbench.endpoint.launch import LocalEndpoint
from gerbench.endpoint.options import EndpointOptions
from tests import rows
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.planner import plan
from worker.upkeep import tidy

SAMPLES = 40


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data=tmp_path, database_url=None, broker_url=None, media_url=None)
    database = Database.at(settings.database)
    Base.metadata.create_all(database.engine)
    with database.write.begin() as session:
        rows.dataset(session, SAMPLES)
        rows.template(session)
    database.close()
    engine = Engine(settings)
    yield engine
    engine.wind_down()
    engine.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., LocalEndpoint]]:
    """Starts local endpoints with the given flags."""
    started: list[LocalEndpoint] = []

    def start(**flags: Any) -> LocalEndpoint:
        started.append(LocalEndpoint(EndpointOptions(**flags)).start())
        return started[-1]

    yield start
    for endpoint in started:
        endpoint.stop()


def submit(
    engine: Engine,
    base_url: str,
    *,
    batch_size: int | None = 10,
    dataset: str = "moods",
    dispatch: str = "online",
    canary: bool = True,
    **model: Any,
) -> UUID:
    """Submit a job over the texts of `rows.dataset`, plan it, and return its run.

    Without `canary` all calls may go at once, as if one had got through.
    """
    with engine.database.write.begin() as session:
        rows.model(session, base_url=base_url, **{"limits": {"rpm": 100_000}, **model})
        body = Submission(
            dataset=dataset, models=("local",), conditions={"template": ("plain",)},
            batch_size=batch_size, dispatch=dispatch,
        )  # fmt: skip
        job = jobs.submit(session, body, idempotency_key=None, now=utc_now())
        run = session.scalars(select(Run).where(Run.job_id == job.id)).one()
        run.canary_passed_at = None if canary else utc_now()
        run_id = run.id
    list(plan(engine, run_id))
    return run_id


def work(engine: Engine, run_id: UUID) -> Run:
    """Dispatch and tidy until nothing moves the run any more."""
    while True:
        run = read(engine, run_id)
        if run.status != "running":
            return run
        assert run.model_id is not None
        engine.run(dispatch(engine, run.model_id))
        tidy(engine.database, now=utc_now())


def read(engine: Engine, run_id: UUID) -> Run:
    with engine.database.read() as session:
        return runs.get(session, run_id)
