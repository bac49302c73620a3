"""A run in the queue of each kind of database."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import select

from core import runs
from core.db import Database
from core.tables import Run
from tests import rows


@dataclass(frozen=True)
class Queue:
    """A database with one planned run over `samples` samples, in requests of 4."""

    database: Database
    run_id: UUID
    job_id: UUID
    model_id: UUID

    def run(self) -> Run:
        with self.database.read() as session:
            return runs.get(session, self.run_id)


def plan(database: Database, run_id: UUID) -> None:
    with database.write.begin() as session:
        run = runs.get(session, run_id)
        assert runs.plan(session, run, runs.ordered_samples(session, run), at=0, now=rows.NOW)


@pytest.fixture
def queue(database: Database) -> Queue:
    with database.write.begin() as session:
        model = rows.model(session)
        job = rows.job(session, rows.dataset(session, 10), model, rows.template(session))
        run = session.scalars(select(Run)).one()
    plan(database, run.id)
    return Queue(database, run.id, job.id, model.id)
