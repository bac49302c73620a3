"""Previews over REST."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.db import Database
from tests import rows

BODY = {"dataset": "moods", "count": 2}


@pytest.fixture(autouse=True)
def moods(database: Database) -> None:
    """A dataset of texts."""
    with database.write.begin() as session:
        rows.dataset(session, 30)


def asked(client: TestClient, **body: Any) -> Any:
    response = client.post("/v1/templates/preview", json={**BODY, **body})
    assert response.status_code == 200, response.text
    return response.json()


def test_the_instructions_and_the_samples_are_shown_as_they_are_sent(client: TestClient) -> None:
    shown = asked(client, template="terse")

    (message,) = shown["sent"]["messages"]
    first, *samples = [part["text"] for part in message["content"]]
    assert first == shown["instructions"]
    assert first.startswith("Which sentiment does each of these 2 posts express?")
    assert "Labels: anger, happiness, sadness\n" in first
    assert [sample.split("\n")[0] for sample in samples] == ["Text 1", "Text 2"]
    assert [sample["shown_as"] for sample in shown["samples"]] == ["Text 1", "Text 2"]
    for sample, named in zip(samples, shown["samples"], strict=True):
        assert sample.endswith(f"text {int(named['name'][1:])}")
    assert shown["condition"]["template"] == "terse@1"
    assert set(shown["sent"]) == {"messages"}
    assert (shown["sent_sha256"], shown["bytes"], shown["tokens"]) == (None, None, None)


def test_a_text_can_be_tried_before_it_is_stored(client: TestClient) -> None:
    before = client.get("/v1/templates", params={"limit": 500}).json()

    shown = asked(client, text="{count} of {labels}!")

    assert shown["instructions"].startswith("2 of anger, happiness, sadness!\n\nLabels:")
    assert shown["condition"]["template"] == "unsaved"
    assert client.get("/v1/templates", params={"limit": 500}).json() == before


def test_with_a_model_the_whole_body_is_shown(client: TestClient, database: Database) -> None:
    with database.write.begin() as session:
        rows.model(session, max_tokens=77)

    shown = asked(client, model="local", count=None)

    assert (shown["sent"]["model"], shown["sent"]["max_tokens"]) == ("fer", 77)
    assert len(shown["samples"]) == 20
    assert len(shown["sent_sha256"]) == 64
    assert shown["bytes"] > len(shown["instructions"])
    assert shown["tokens"] > 77


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"dataset": "nothing"}, 404, "not_found"),
        ({"template": "nothing"}, 404, "not_found"),
        ({"model": "nothing"}, 404, "not_found"),
        ({"modality": "video"}, 422, "invalid_input"),
        ({"text": "{frames}"}, 422, "invalid_template"),
        ({"count": 101}, 422, "invalid_request"),
        ({"word": 1}, 422, "invalid_request"),
    ],
)
def test_what_no_job_could_ask_cannot_be_previewed(
    client: TestClient, change: dict[str, Any], status: int, kind: str
) -> None:
    response = client.post("/v1/templates/preview", json={**BODY, **change})

    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{kind}")


def test_the_path_is_not_taken_for_that_of_a_template(client: TestClient) -> None:
    for method in ("GET", "DELETE"):
        response = client.request(method, "/v1/templates/preview")

        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
