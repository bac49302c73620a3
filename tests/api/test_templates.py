"""Templates over REST."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

BODY = {
    "name": "brief",
    "task": "facial_emotion",
    "modality": "image",
    "text": "Name each of the {count} expressions.",
}


def test_there_are_a_default_and_its_paraphrases_from_the_start(client: TestClient) -> None:
    page = client.get("/v1/templates", params={"task": "facial_emotion", "modality": "image"})

    names = ["default", "observer", "question", "stepwise", "terse"]
    assert [(item["name"], item["version"]) for item in page.json()["items"]] == [
        (name, 1) for name in names
    ]


def test_a_new_text_is_a_new_version_and_an_old_text_is_found_again(client: TestClient) -> None:
    first = client.post("/v1/templates", json=BODY)
    second = client.post("/v1/templates", json={**BODY, "text": "Another."})
    again = client.post("/v1/templates", json=BODY)

    assert [first.status_code, second.status_code, again.status_code] == [201, 201, 200]
    assert [each.json()["version"] for each in (first, second, again)] == [1, 2, 1]
    assert again.json() == first.json()
    assert client.get(first.headers["Location"]).json() == first.json()


def test_the_newest_alone_are_what_the_names_stand_for(client: TestClient) -> None:
    own = client.post("/v1/templates", json={**BODY, "name": "default"}).json()
    kind = {"task": "facial_emotion", "modality": "image", "name": "default"}

    (newest,) = client.get("/v1/templates", params={**kind, "newest": True}).json()["items"]
    every = client.get("/v1/templates", params=kind).json()["items"]

    assert (newest, newest["version"], newest["built_in"]) == (own, 2, False)
    assert [(each["version"], each["built_in"]) for each in every] == [(1, True), (2, False)]


def test_a_version_says_what_it_says_otherwise(client: TestClient) -> None:
    before = client.post("/v1/templates", json=BODY).json()
    after = client.post("/v1/templates", json={**BODY, "text": "Name every expression."}).json()
    place = f"/v1/templates/{after['id']}/diff"

    diff = client.get(place, params={"against": before["id"]}).json()

    assert (diff["before"], diff["after"]) == (before, after)
    kept = [each["text"] for each in diff["pieces"] if each["change"] != "removed"]
    assert "".join(kept) == after["text"]
    assert client.get(place, params={"against": "0" * 32}).status_code == 404
    assert client.get(place).json() == diff
    first = client.get(f"/v1/templates/{before['id']}/diff").json()
    assert first["before"] is None
    assert first["pieces"] == [{"change": "added", "text": before["text"]}]


def test_a_list_is_narrowed_by_name(client: TestClient) -> None:
    client.post("/v1/templates", json=BODY)

    for reference in ("brief", "brief@1"):
        page = client.get("/v1/templates", params={"name": reference}).json()
        assert [item["text"] for item in page["items"]] == [BODY["text"]]
    assert client.get("/v1/templates", params={"name": "brief@2"}).json()["items"] == []
    assert client.get("/v1/templates", params={"name": "a brief"}).status_code == 422


@pytest.mark.parametrize("query", ["modality=image%2Btext", "modality=image+text"])
def test_a_modality_with_a_plus_is_understood_either_way(client: TestClient, query: str) -> None:
    items = client.get(f"/v1/templates?{query}").json()["items"]

    assert {item["modality"] for item in items} == {"image+text"}


def test_the_pages_put_together_are_the_list(client: TestClient) -> None:
    whole = client.get("/v1/templates", params={"limit": 500}).json()["items"]
    items: list[Any] = []
    cursor = None
    for _ in whole:
        page = client.get(
            "/v1/templates", params={"limit": 20, **({"cursor": cursor} if cursor else {})}
        )
        items += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    assert items == whole
    assert len(whole) == 55


def test_an_unknown_placeholder_is_named_with_those_allowed(client: TestClient) -> None:
    response = client.post("/v1/templates", json={**BODY, "text": "Is {who} happy?"})

    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid_template")
    assert response.json()["allowed"] == ["labels", "count"]


@pytest.mark.parametrize(
    "change", [{"task": "x"}, {"modality": "x"}, {"name": "X"}, {"text": ""}, {"version": 3}]
)
def test_a_faulty_template_is_pointed_at(client: TestClient, change: dict[str, Any]) -> None:
    response = client.post("/v1/templates", json={**BODY, **change})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"/body/{next(iter(change))}"


def test_an_unknown_id_is_not_found(client: TestClient) -> None:
    response = client.get("/v1/templates/00000000-0000-0000-0000-000000000000")

    assert response.status_code == 404
    assert client.get("/v1/templates/default").status_code == 422
