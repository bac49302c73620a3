"""What asks for the next request does not read the others, however many there are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from core import jobs, leases, readiness
from core.db import Database
from tests import rows
from tests.core.conftest import plan
from tests.rows import NOW

Look = Callable[[Session, Any], object]


def lease(session: Session, model: Any) -> object:
    return leases.lease(session, model, owner="w", slots=2, now=NOW, lasts=timedelta(minutes=1))


def models_due(session: Session, _: Any) -> object:
    return leases.models_due(session, now=NOW)


def oldest_due(session: Session, _: Any) -> object:
    return readiness.oldest_due(session)


@pytest.mark.parametrize("look", [lease, models_due, oldest_due])
def test_the_queue_is_looked_at_through_the_index_of_open_requests(
    sqlite_database: Database, look: Look
) -> None:
    with sqlite_database.write.begin() as session:
        model = rows.model(session)
        job = rows.job(session, rows.dataset(session, 10), model, rows.template(session))
        (run,) = jobs.runs_of(session, [job.id])
    plan(sqlite_database, run.id)
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    event.listen(sqlite_database.engine, "before_cursor_execute", note)
    with sqlite_database.write.begin() as session:
        found = look(session, model.id)
    event.remove(sqlite_database.engine, "before_cursor_execute", note)

    assert found
    queries = [(q, v) for q, v in asked if q.startswith("SELECT") and "not_before" in q]
    assert queries
    with sqlite_database.read() as session:
        connection = session.connection()
        assert connection.scalar(text("SELECT count(*) FROM requests")) == 3
        for query, values in queries:
            steps = [
                row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
            ]
            of_requests = [step for step in steps if "requests" in step]
            assert of_requests
            assert all("ix_requests_queue (run_id=? AND state=?" in step for step in of_requests)
