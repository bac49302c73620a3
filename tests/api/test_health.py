"""The open paths: health, readiness and the documentation."""

import re
from datetime import timedelta

from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.main import create_app
from core.db import Base, Database, utc_now
from core.settings import Settings
from core.tables import Request
from tests import rows
from tests.rows import add_run


def add_due_request(database: Database, *, waiting: timedelta) -> None:
    """Store a running run with one request that has been due for some time."""
    with database.write.begin() as session:
        run = add_run(session, rows.model(session))
        session.add(Request(run_id=run.id, sample_ids=[1], not_before=utc_now() - waiting))


def test_health_needs_no_key(anonymous: TestClient) -> None:
    assert anonymous.get("/health").json()["status"] == "ok"


def test_an_idle_service_is_ready(anonymous: TestClient) -> None:
    assert anonymous.get("/ready").json() == {
        "status": "ready",
        "database": "sqlite",
        "broker": "memory",
        "oldest_due_seconds": None,
    }


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


def test_a_service_without_its_broker_is_not_ready(settings: Settings, database: Database) -> None:
    lost = settings.model_copy(update={"broker_url": SecretStr("redis://127.0.0.1:1/0")})
    with TestClient(create_app(lost)) as client:
        response = client.get("/ready")

    assert (response.status_code, response.json()["part"]) == (503, "broker")
    assert response.json()["type"] == "/problems/not_ready"


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
