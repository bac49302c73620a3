"""Every route x everybody who may come: what each may do, and that a team sees only its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import func, select

from api import rules
from api.main import CLOSED
from api.rules import Least
from core.tables import AuditEntry
from tests.api.parties import (
    HAS,
    MODEL,
    Party,
    Service,
    Things,
    fill,
    import_faces,
    serving,
)

ROUTES = rules.table(CLOSED)
NAMES = [f"{method} {path}" for method, path, _ in ROUTES]
WITH_IDS = [(method, path) for method, path, _ in ROUTES if "{" in path and "teams" not in path]
"""Of what a team has; teams themselves are the operators'."""
LISTS = [path for method, path, _ in ROUTES if method == "GET" and "{" not in path]
LADDER = list(Least)
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "access.md"


@pytest.fixture(scope="module")
def shared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with nothing in it, for tests that change nothing."""
    with serving(sqlite_template, tmp_path_factory.mktemp("access")) as service:
        yield service


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        yield service


@pytest.fixture
def things(service: Service) -> Things:
    return fill(service)


def nowhere(path: str) -> str:
    """Return a path with ids in it that nobody has."""
    numbers = {"attempt_id", "sample_id"}
    return re.sub(r"\{(\w+)\}", lambda f: "777" if f[1] in numbers else str(uuid4()), path)


@pytest.mark.parametrize(("method", "path", "least"), ROUTES, ids=NAMES)
@pytest.mark.parametrize("party", Party)
def test_a_route_admits_whom_its_rule_names(
    shared: Service, party: Party, method: str, path: str, least: Least
) -> None:
    response = shared.ask(party, method, nowhere(path))

    if party not in HAS:
        assert response.status_code == 401
    elif LADDER.index(HAS[party]) < LADDER.index(least):
        assert (response.status_code, response.json()["type"]) == (403, "/problems/forbidden")
        assert response.json()["least"] == least
    else:
        assert response.status_code not in {401, 403}
        assert response.status_code < 500


def test_every_route_has_a_rule_and_is_in_the_table(shared: Service) -> None:
    documented = {
        (method.upper(), path)
        for path, item in shared.app.openapi()["paths"].items()
        for method in item
        if path.startswith("/v1/")
    }

    assert {(method, path) for method, path, _ in ROUTES} == documented
    assert [route for route in ROUTES if route[2] is None] == []


def test_a_route_without_a_rule_is_closed_to_everybody(service: Service) -> None:
    router = APIRouter()
    router.add_api_route("/new", lambda: None)
    service.app.include_router(router, dependencies=[Depends(rules.refuse_without_rule)])

    assert service.ask(Party.NOBODY, "GET", "/new").status_code == 401
    assert service.ask(Party.OPERATOR, "GET", "/new").status_code == 403


def test_the_guide_tells_the_rule_of_every_route() -> None:
    told = re.findall(r"^\| `(\w+) (\S+)` \| (\w+) \|$", GUIDE.read_text("utf-8"), re.MULTILINE)

    assert told == [(method, path, str(least)) for method, path, least in ROUTES]


def test_an_id_of_another_team_is_not_found_on_any_route(service: Service, things: Things) -> None:
    deletes_last = sorted(WITH_IDS, key=lambda route: route[0] == "DELETE")
    for method, path in deletes_last:
        body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}

        response = service.ask(Party.STRANGER, method, things.fill(path), **body)

        assert response.status_code == 404, (method, path, response.text)
        assert response.json()["type"] == "/problems/not_found"
        own = service.ask(Party.OPERATOR, method, things.fill(path), **body)
        assert own.status_code != 404, (method, path, own.text)


def test_nothing_of_another_team_is_in_any_list(service: Service, things: Things) -> None:
    told: set[str] = set()
    for path in LISTS:
        told |= {*things.told_by(service.ask(Party.OPERATOR, "GET", path).text)}

        response = service.ask(Party.STRANGER, "GET", path)

        assert things.told_by(response.text) == [], path
    ids = {kind: set(of.values()) for kind, of in things.ids.items()}
    for kind in ("datasets", "models", "templates", "jobs", "runs", "keys", "webhooks"):
        assert ids[kind] & told, kind


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "our-faces"},
        {"models": ["our-model"]},
        {"samples_of": "run_id"},
    ],
)
def test_a_job_cannot_name_what_is_another_teams(
    service: Service, things: Things, change: dict[str, object]
) -> None:
    import_faces(service, Party.STRANGER, "mine")
    service.ask(Party.STRANGER, "POST", "/v1/models", json=MODEL)
    body: dict[str, object] = {"dataset": "mine", "models": ["mine"]}
    assert service.ask(Party.STRANGER, "POST", "/v1/jobs", json=body).status_code == 202
    if "samples_of" in change:
        change = {"samples_of": things.ids["runs"]["run_id"]}

    response = service.ask(Party.STRANGER, "POST", "/v1/jobs", json={**body, **change})

    assert response.status_code == 404, response.text


def test_two_teams_may_use_the_same_names_and_idempotency_keys(service: Service) -> None:
    made = []
    for party in (Party.MEMBER, Party.STRANGER):
        dataset = import_faces(service, party, "mine")
        assert service.ask(party, "POST", "/v1/models", json=MODEL).status_code == 201
        secret = {"Authorization": f"Bearer {service.secrets[party]}", "Idempotency-Key": "first"}
        job = service.client.post(
            "/v1/jobs", json={"dataset": "mine", "models": ["mine"]}, headers=secret
        )
        assert job.status_code == 202, job.text
        made.append((dataset["digest"], job.json()["id"]))

    assert made[0][0] == made[1][0]
    assert made[0][1] != made[1][1]


def test_built_in_templates_are_everyones_and_ones_own_version_is_not(service: Service) -> None:
    listed = "/v1/templates?name=default&task=facial_emotion&modality=image"
    theirs = service.ask(Party.STRANGER, "GET", listed).json()["items"]
    assert [item["version"] for item in theirs] == [1]
    text = {"task": "facial_emotion", "modality": "image", "name": "default", "text": "Which?"}

    made = service.ask(Party.MEMBER, "POST", "/v1/templates", json=text)

    assert (made.status_code, made.json()["version"]) == (201, 2)
    assert service.ask(Party.STRANGER, "GET", listed).json()["items"] == theirs
    assert len(service.ask(Party.VIEWER, "GET", listed).json()["items"]) == 2


def test_every_change_leaves_an_audit_entry_of_its_team(service: Service, things: Things) -> None:
    changes = [
        (Party.MEMBER, "POST", "/v1/jobs/{job_id}/pause", "pause_job"),
        (Party.MEMBER, "POST", "/v1/jobs/{job_id}/resume", "resume_job"),
        (Party.MEMBER, "POST", "/v1/jobs/{job_id}/cancel", "cancel_job"),
        (Party.MEMBER, "PATCH", "/v1/models/{name}", "change_model"),
        (Party.ADMIN, "DELETE", "/v1/models/{name}", "delete_model"),
        (Party.ADMIN, "DELETE", "/v1/keys/{key_id}", "revoke_key"),
    ]
    for party, method, path, action in changes:
        body: dict[str, Any] = {"json": {"max_tokens": 7}} if method == "PATCH" else {}
        response = service.ask(party, method, things.fill(path), **body)
        assert response.status_code < 300, response.text

        found = service.ask(Party.ADMIN, "GET", "/v1/audit?limit=1").json()["items"][0]

        assert (found["action"], found["key_name"]) == (action, party.value)
        assert found["object"] in things.fill(path)
    assert service.ask(Party.STRANGER, "GET", "/v1/audit").json()["items"] == []


def test_what_is_refused_leaves_no_audit_entry(service: Service, things: Things) -> None:
    with service.database.read() as session:
        before = session.scalar(select(func.count()).select_from(AuditEntry))

    service.ask(Party.VIEWER, "POST", things.fill("/v1/jobs/{job_id}/cancel"))
    service.ask(Party.STRANGER, "POST", things.fill("/v1/jobs/{job_id}/cancel"))
    service.ask(Party.MEMBER, "POST", things.fill("/v1/jobs/{job_id}/resume"))

    with service.database.read() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == before


@pytest.mark.parametrize("party", Party)
def test_figures_of_all_teams_are_for_operators(shared: Service, party: Party) -> None:
    expected = 401 if party not in HAS else 200 if party is Party.OPERATOR else 403

    assert shared.ask(party, "GET", "/metrics").status_code == expected
