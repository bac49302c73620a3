"""Saved views over REST."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.parties import Party, Service, save_view, serving

VIEWS = "/v1/dashboards"


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        yield service


@pytest.fixture
def view(service: Service) -> str:
    return f"{VIEWS}/{save_view(service, 'Table 9 & <others>')[0]['dashboard']}"


def as_member(service: Service, method: str, path: str, tag: str | None = None, **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {service.secrets[Party.MEMBER]}"}
    given = headers if tag is None else {**headers, "If-Match": tag}
    return service.client.request(method, path, headers=given, **body)


def test_a_view_is_saved_and_found_by_id_and_name(service: Service) -> None:
    body = {
        "name": "Table 9",
        "selection": {"dataset": "rafdb"},
        "panels": [{"analysis": "classes", "normalise": "counts", "tables": ["confused"]}],
    }

    made = as_member(service, "POST", VIEWS, json=body)

    assert made.status_code == 201
    shown = service.ask(Party.VIEWER, "GET", made.headers["Location"])
    by_name = service.ask(Party.VIEWER, "GET", f"{VIEWS}/Table 9")
    assert shown.json() == by_name.json() == made.json()
    assert shown.headers["ETag"] == made.headers["ETag"]
    assert made.json()["panels"][0]["normalise"] == "counts"
    assert made.json()["created_by"] == "member"


def test_a_view_has_a_tag_that_changes_with_it(service: Service, view: str) -> None:
    first = as_member(service, "GET", view).headers["ETag"]
    headers = {"Authorization": f"Bearer {service.secrets[Party.VIEWER]}", "If-None-Match": first}
    assert service.client.get(view, headers=headers).status_code == 304

    changed = as_member(service, "PATCH", view, first, json={"name": "Table 10"})

    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.headers["ETag"] != first
    assert service.client.get(view, headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_what_somebody_else_changed_is_not_overwritten_unseen(
    service: Service, view: str, method: str
) -> None:
    seen = as_member(service, "GET", view).headers["ETag"]
    as_member(service, "PATCH", view, json={"name": "theirs"})

    late = as_member(service, method, view, seen, json={"name": "mine"})

    assert (late.status_code, late.json()["type"]) == (412, "/problems/precondition_failed")
    now = as_member(service, "GET", view)
    assert now.json()["name"] == "theirs"
    assert as_member(service, method, view, now.headers["ETag"], json={"name": "mine"}).is_success


def test_a_name_in_use_is_a_conflict(service: Service, view: str) -> None:
    save_view(service, "other")

    again = as_member(
        service, "POST", VIEWS, json={"name": "other", "panels": [{"analysis": "main"}]}
    )
    renamed = as_member(service, "PATCH", view, json={"name": "other"})

    assert (again.status_code, renamed.status_code) == (409, 409)
    assert again.json()["type"] == "/problems/conflict"


def test_a_link_is_shown_once_and_listed_without_what_opens_it(service: Service, view: str) -> None:
    body = {"expires_at": "2999-01-01T00:00:00Z"}
    assert as_member(service, "POST", f"{view}/links", json=body).status_code == 422

    made = as_member(service, "POST", f"{view}/links")

    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    listed = service.ask(Party.VIEWER, "GET", f"{view}/links")
    assert made.json()["url"].rsplit("/", 1)[1] not in listed.text
    newest = listed.json()["items"][0]
    assert newest == {name: value for name, value in made.json().items() if name != "url"}
    assert newest["open"]


def test_a_link_that_is_revoked_says_so(service: Service, view: str) -> None:
    link = as_member(service, "POST", f"{view}/links").json()["id"]

    for _ in range(2):
        assert as_member(service, "DELETE", f"{view}/links/{link}").status_code == 204

    shown = service.ask(Party.VIEWER, "GET", f"{view}/links").json()["items"][0]
    assert not shown["open"]
    assert shown["revoked_at"] is not None


def test_every_change_of_a_view_is_in_the_audit_log_and_no_token_is(
    service: Service, view: str
) -> None:
    link = as_member(service, "POST", f"{view}/links").json()
    as_member(service, "PATCH", view, json={"name": "mine"})
    as_member(service, "DELETE", f"{view}/links/{link['id']}")
    as_member(service, "DELETE", view)

    log = service.ask(Party.ADMIN, "GET", "/v1/audit")

    assert [each["action"] for each in log.json()["items"]] == [
        "delete_dashboard",
        "revoke_dashboard_link",
        "change_dashboard",
        "create_dashboard_link",
        "create_dashboard_link",
        "create_dashboard",
    ]
    assert link["url"].rsplit("/", 1)[1] not in log.text
    assert as_member(service, "GET", view).status_code == 404
