"""The open paths: health, readiness and the documentation."""

import re
from datetime import timedelta

from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import update

from core import workers
from core.db import Base, Database, utc_now
from core.settings import Settings
from core.tables import Request, Run
from core.workers import Life
from tests import rows
from tests.api.apps import app_of
from tests.rows import add_run


def add_due_request(database: Database, *, waiting: timedelta) -> None:
    """Store a running run with one request that has been due for some time."""
    with database.write.begin() as session:
        run = add_run(session, rows.model(session))
        session.add(Request(run_id=run.id, sample_ids=[1], not_before=utc_now() - waiting))


def test_health_needs_no_key(anonymous: TestClient) -> None:
    assert anonymous.get("/health").json()["status"] == "ok"


def let_a_worker_live(database: Database, *, stopped: bool = False) -> None:
    """Let a worker have been seen just now."""
    now = utc_now()
    with database.write.begin() as session:
        said = Life("w", now, now, 0, stopped_at=now if stopped else None)
        workers.note(session, said, now=now)


def test_an_idle_service_is_ready(anonymous: TestClient, database: Database) -> None:
    let_a_worker_live(database)

    assert anonymous.get("/ready").json() == {
        "status": "ready",
        "database": "sqlite",
        "broker": "memory",
        "workers": 1,
        "oldest_due_seconds": None,
        "stalled_jobs": {},
        "problems": [],
    }


def test_a_service_without_workers_answers_and_is_degraded(
    anonymous: TestClient, database: Database
) -> None:
    let_a_worker_live(database, stopped=True)

    response = anonymous.get("/ready")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["workers"] == 0
    assert "gerbench worker" in response.json()["problems"][0]


def test_readiness_counts_the_jobs_that_do_not_move_by_why(
    anonymous: TestClient, database: Database
) -> None:
    let_a_worker_live(database)
    add_due_request(database, waiting=timedelta(minutes=2))
    with database.write.begin() as session:
        session.execute(update(Run).values(planned=1))

    ready = anonymous.get("/ready").json()

    assert (ready["status"], ready["stalled_jobs"]) == ("degraded", {"unexplained": 1})
    assert ready["problems"] == ["1 job does not move; GET /v1/jobs says why"]


def test_readiness_tells_how_late_the_queue_is(anonymous: TestClient, database: Database) -> None:
    add_due_request(database, waiting=timedelta(minutes=2))

    age = anonymous.get("/ready").json()["oldest_due_seconds"]

    assert 120 <= age < 180


def test_a_service_without_its_tables_is_not_ready(
    anonymous: TestClient, database: Database
) -> None:
    Base.metadata.drop_all(database.engine)

    response = anonymous.get("/ready")

    assert (response.status_code, response.json()["part"]) == (503, "database")
    assert response.json()["type"] == "/problems/not_ready"


def test_a_service_without_its_broker_takes_jobs_and_is_degraded(
    settings: Settings, database: Database
) -> None:
    let_a_worker_live(database)
    lost = settings.model_copy(update={"broker_url": SecretStr("redis://127.0.0.1:1/0")})
    with TestClient(app_of(lost)) as client:
        response = client.get("/ready")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert (response.json()["broker"], response.json()["workers"]) == ("redis", 1)
    assert "GERBENCH_BROKER_URL" in response.json()["problems"][0]


def test_the_documentation_loads_nothing_from_another_host(anonymous: TestClient) -> None:
    page = anonymous.get("/docs")

    links = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)""", page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/")
        assert anonymous.get(link).status_code == 200
    assert not re.search(r"https?://", page.text)


def test_no_other_file_is_served_as_documentation(anonymous: TestClient) -> None:
    assert anonymous.get("/docs/__init__.py").status_code == 404


def test_the_document_names_the_schema_of_problems(anonymous: TestClient) -> None:
    document = anonymous.get("/openapi.json").json()

    assert {"Problem", "Fault"} <= set(document["components"]["schemas"])
    assert document["info"]["title"] == "gerbench"
