"""Models over REST."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.schemas.models import EXAMPLE
from core.db import Database, utc_now
from core.models import get
from core.rules.room import Health
from core.rules.standings import CredentialStanding, ModelStanding, RoomStanding
from core.workers import note_standing
from tests.rows import add_run

MINIMAL = {"name": "local", "base_url": "http://127.0.0.1:9000/v1", "model": "fer"}


def create(client: TestClient, **fields: Any) -> Any:
    response = client.post("/v1/models", json={**MINIMAL, **fields})
    assert response.status_code == 201, response.text
    return response.json()


def test_three_fields_are_enough(client: TestClient) -> None:
    response = client.post("/v1/models", json=MINIMAL)

    assert response.status_code == 201
    assert response.headers["Location"] == "/v1/models/local"
    assert client.get("/v1/models/local").json() == response.json()
    shown = response.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("spend")["total"] == {"spent_usd": 0.0, "reserved_usd": 0.0, "attempts": 0}
    assert shown == {
        "standing": [],
        "standing_at": None,
        "advice": [],
        **MINIMAL,
        "wire": "openai-chat",
        "query": {},
        "headers": {},
        "auth": None,
        "credentials": [],
        "limits": {"rpm": None, "tpm": None, "rpd": None, "concurrency": None},
        "capabilities": {"images_per_request": 20, "body_mb": 20.0},
        "prices": None,
        "image_tokens": "tiles",
        "max_tokens": 1000,
        "temperature": 0.0,
        "timeout_s": 60.0,
    }


def test_the_example_of_the_documentation_is_accepted(client: TestClient) -> None:
    assert client.post("/v1/models", json=EXAMPLE).status_code == 201


def test_a_credential_is_shown_by_name_and_presence_alone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE_KEY", "sk-secret")
    monkeypatch.delenv("GONE_KEY", raising=False)

    create(client, credentials=[{"env": "HERE_KEY"}, {"env": "GONE_KEY"}])

    response = client.get("/v1/models/local")
    assert response.json()["credentials"] == [
        {"env": "HERE_KEY", "file": None, "stored": None, "present": True},
        {"env": "GONE_KEY", "file": None, "stored": None, "present": False},
    ]
    assert "sk-secret" not in response.text


def test_a_taken_name_is_a_conflict(client: TestClient) -> None:
    create(client)

    response = client.post("/v1/models", json=MINIMAL)

    assert (response.status_code, response.json()["type"]) == (409, "/problems/conflict")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": "No Spaces"}, "/body/name"),
        ({"name": "a\n"}, "/body/name"),
        ({"base_url": "ftp://host"}, "/body/base_url"),
        ({"base_url": "http://me:secret@host/v1"}, "/body/base_url"),
        ({"base_url": "http://host/" + 300 * "€€€"}, "/body/base_url"),
        ({"colour": "red"}, "/body/colour"),
        ({"limits": {"rpm": 0}}, "/body/limits/rpm"),
        ({"credentials": [{}]}, "/body/credentials/0"),
        ({"credentials": [{"env": "A"}, {"env": "A"}]}, "/body"),
        ({"api_key": "sk-secret"}, "/body/api_key"),
    ],
)
def test_a_faulty_model_is_pointed_at(
    client: TestClient, fields: dict[str, Any], pointer: str
) -> None:
    response = client.post("/v1/models", json={**MINIMAL, **fields})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert "secret" not in re.sub("name secrets in|secret or stored", "", response.text)


AZURE = {
    "name": "gpt-4o",
    "preset": "azure",
    "parameters": {"resource": "ours", "deployment": "eu"},
    "model": "gpt-4o",
}


def test_a_preset_is_stored_as_what_it_stands_for(client: TestClient) -> None:
    response = client.post("/v1/models", json={**AZURE, "limits": {"rpm": 60}})

    assert response.status_code == 201
    shown = response.json()
    assert shown["base_url"] == "https://ours.openai.azure.com/openai/deployments/eu"
    assert shown["query"] == {"api-version": "2024-10-21"}
    assert shown["auth"] == {"header": "api-key", "scheme": None}
    assert shown["capabilities"]["images_per_request"] == 10
    assert [one["env"] for one in shown["credentials"]] == ["AZURE_OPENAI_API_KEY"]
    assert shown["limits"]["rpm"] == 60
    assert not {"preset", "parameters"} & shown.keys()
    assert client.get("/v1/models/gpt-4o").json() == shown


def test_the_presets_tell_what_they_need(client: TestClient) -> None:
    found = {each["name"]: each for each in client.get("/v1/models/presets").json()["items"]}

    assert len(found) == 8
    assert found["azure"]["parameters"]["resource"]["default"] is None
    assert found["azure"]["parameters"]["api_version"]["default"] == "2024-10-21"
    assert found["gemini"]["credential"] == "GEMINI_API_KEY"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**AZURE, "preset": "blue"}, "there is no preset 'blue'"),
        ({**AZURE, "parameters": {"resource": "ours"}}, "azure needs deployment"),
        ({**MINIMAL, "parameters": {"a": "b"}}, "name one in preset"),
        ({**MINIMAL, "name": "presets"}, "choose another name"),
    ],
)
def test_a_preset_that_cannot_be_filled_in_is_refused(
    client: TestClient, body: dict[str, Any], words: str
) -> None:
    response = client.post("/v1/models", json=body)

    assert response.status_code == 422
    assert words in response.text


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"parameters": "x"}, "/body/parameters"),
        ({"parameters": {"resource": 1}}, "/body/parameters/resource"),
        ({"preset": 7}, "/body/preset"),
        ({"limits": {"rpm": 0}}, "/body/limits/rpm"),
    ],
)
def test_what_is_wrong_beside_a_preset_is_pointed_at(
    client: TestClient, fields: dict[str, Any], pointer: str
) -> None:
    response = client.post("/v1/models", json={**AZURE, **fields})

    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


def test_a_change_leaves_the_rest_as_it_was(client: TestClient) -> None:
    before = create(client, limits={"rpm": 600, "tpm": 9}, prices=EXAMPLE["prices"])

    response = client.patch(
        "/v1/models/local", json={"limits": {"tpm": None}, "prices": None, "max_tokens": 7}
    )

    assert response.status_code == 200
    limits = {**before["limits"], "tpm": None}
    assert response.json() == {**before, "limits": limits, "prices": None, "max_tokens": 7}
    assert client.get("/v1/models/local").json() == response.json()


@pytest.mark.parametrize("change", [{"max_tokens": 0}, {"name": "other"}, {"limits": None}])
def test_a_change_that_makes_no_sense_is_refused(
    client: TestClient, change: dict[str, Any]
) -> None:
    create(client)

    response = client.patch("/v1/models/local", json=change)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"].startswith("/body/")


def test_a_deleted_model_is_gone_and_its_name_is_free(client: TestClient) -> None:
    create(client)

    assert client.delete("/v1/models/local").status_code == 204

    assert client.get("/v1/models/local").status_code == 404
    assert client.delete("/v1/models/local").status_code == 404
    assert client.patch("/v1/models/local", json={}).status_code == 404
    create(client)


def test_a_model_at_work_is_not_deleted(client: TestClient, database: Database) -> None:
    create(client)
    with database.write.begin() as session:
        run = add_run(session, get(session, "local"))

    response = client.delete("/v1/models/local")

    assert (response.status_code, response.json()["jobs"]) == (409, [str(run.job_id)])
    assert client.get("/v1/models/local").status_code == 200


def test_the_list_comes_in_pages(client: TestClient) -> None:
    for name in "edcba":
        create(client, name=name)

    names, cursor = [], ""
    while cursor is not None:
        parameters = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/models", params=parameters).json()
        assert len(page["items"]) <= 2
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert names == list("abcde")


@pytest.mark.parametrize("cursor", ["x", "é", "e30", "W10", "W251bGxd", "WyJhXHUwMDAwIl0", "WzFd"])
def test_a_cursor_of_ones_own_making_is_refused(client: TestClient, cursor: str) -> None:
    response = client.get("/v1/models", params={"cursor": cursor})

    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", str(10**30)])
def test_a_page_of_no_sensible_size_is_refused(client: TestClient, limit: str) -> None:
    response = client.get("/v1/models", params={"limit": limit})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/limit"


def seen(rpm_told: int | None, until: datetime | None = None) -> CredentialStanding:
    room = RoomStanding(used=7, effective=600, provider_limit=rpm_told)
    none = RoomStanding(used=0, effective=None)
    health = Health.HEALTHY if until is None else Health.THROTTLED
    return CredentialStanding(
        credential="env:HERE_KEY",
        health=health,
        until=until,
        reason=None if until is None else "slow down",
        in_flight=2,
        concurrency=8,
        rpm=room,
        tpm=none,
        rpd=none,
        pace_rpm=600.0,
    )


def looked(database: Database, standing: CredentialStanding) -> None:
    with database.write.begin() as session:
        model = get(session, "local")
        note_standing(session, model.id, ModelStanding(credentials=[standing]), now=utc_now())


def test_a_model_shows_what_its_provider_allows_beside_what_is_configured(
    client: TestClient, database: Database
) -> None:
    create(client, credentials=[{"env": "HERE_KEY"}], limits={"rpm": 600})
    looked(database, seen(rpm_told=5000))

    shown = client.get("/v1/models/local").json()

    [standing] = shown["standing"]
    assert standing["rpm"] == {"used": 7, "configured": 600, "told": 5000, "kept": 600}
    assert (standing["credential"], standing["health"]) == ("env:HERE_KEY", "healthy")
    assert (standing["in_flight"], standing["concurrency"]) == (2, 8)
    [sentence] = shown["advice"]
    assert sentence == (
        "The provider allows 5,000 requests a minute and 600 are configured: 600 are kept."
        " To use more: gerbench models change local --rpm 5000"
    )


@pytest.mark.parametrize(("minutes", "health"), [(5, "throttled"), (-5, "healthy")])
def test_a_rest_is_shown_until_it_is_over(
    client: TestClient, database: Database, minutes: int, health: str
) -> None:
    create(client, credentials=[{"env": "HERE_KEY"}])
    looked(database, seen(None, until=utc_now() + timedelta(minutes=minutes)))

    [standing] = client.get("/v1/models/local").json()["standing"]

    assert standing["health"] == health
    assert (standing["reason"] == "slow down") == (health == "throttled")


def test_a_credential_that_a_model_has_no_more_is_not_shown(
    client: TestClient, database: Database
) -> None:
    create(client, credentials=[{"env": "HERE_KEY"}])
    looked(database, seen(None))
    client.patch("/v1/models/local", json={"credentials": [{"env": "OTHER_KEY"}]})

    assert client.get("/v1/models/local").json()["standing"] == []
