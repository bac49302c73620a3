"""The client: where it finds the service, and what it says of failures."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gerbench.client import ApiProblem, Client, ClientError, NoService, connect, path
from tests.gerbench.cli.canned import GONE, KEY, Canned, problem, serving


@pytest.fixture
def canned() -> Iterator[Canned]:
    with serving() as server:
        yield server


@pytest.fixture
def client(canned: Canned) -> Iterator[Client]:
    with Client(canned.url, KEY) as made:
        yield made


@pytest.fixture
def folder(canned: Canned, tmp_path: Path) -> Path:
    """A data folder on which the canned service runs."""
    (tmp_path / "service.json").write_text(json.dumps({"url": canned.url, "pid": 1}))
    (tmp_path / "admin.key").write_text(f"{KEY}\n")
    return tmp_path


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GERBENCH_URL", "GERBENCH_API_KEY", "GERBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)


def test_a_list_is_followed_from_page_to_page(client: Client, canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", {"items": [{"id": 1}], "next_cursor": "abc"})
    canned.on("GET", "/v1/jobs", {"items": [{"id": 2}], "next_cursor": None})

    assert list(client.items("/v1/jobs", status="running", job=None)) == [{"id": 1}, {"id": 2}]

    first, second = (asked.query for asked in canned.asked)
    assert first == {"limit": "500", "status": "running"}
    assert second == {"limit": "500", "status": "running", "cursor": "abc"}


def test_no_more_items_are_asked_for_than_wanted(client: Client, canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", {"items": [{"id": 1}, {"id": 2}], "next_cursor": "abc"})

    assert list(client.items("/v1/jobs", limit=2)) == [{"id": 1}, {"id": 2}]

    assert [asked.query["limit"] for asked in canned.asked] == ["2"]


def test_a_problem_becomes_an_exception_with_its_parts(client: Client, canned: Canned) -> None:
    body = problem(404, "not_found", "there is no model 'x'", model="x")
    canned.on("GET", "/v1/models/x", body, status=404)

    with pytest.raises(ApiProblem) as caught:
        client.get("/v1/models/x")

    found = caught.value
    assert (found.status, found.type, found.title) == (404, "/problems/not_found", "Not found")
    assert found.detail == str(found) == "there is no model 'x'"
    assert found.errors == []
    assert found.members["model"] == "x"


def test_many_faults_are_listed_one_a_line(client: Client, canned: Canned) -> None:
    faults = [{"pointer": f"/body/{n}", "detail": f"fault {n}"} for n in range(4)]
    body = problem(422, "invalid_request", "correct it (…)", errors=faults)
    canned.on("POST", "/v1/jobs", body, status=422)

    with pytest.raises(ApiProblem) as caught:
        client.post("/v1/jobs", {})

    assert str(caught.value).splitlines() == [
        "Invalid request:",
        *(f"  /body/{n}: fault {n}" for n in range(4)),
    ]


def test_an_error_that_is_no_problem_says_what_answered(client: Client, canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", b"<html>Bad gateway</html>", status=502)

    with pytest.raises(ApiProblem, match="answered 502 Bad Gateway and no reason") as caught:
        client.get("/v1/jobs")

    assert caught.value.type == "about:blank"


def test_another_kind_of_server_is_recognised(client: Client, canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", b"<html>Welcome</html>")

    with pytest.raises(ClientError, match="not as a gerbench service does"):
        client.get("/v1/jobs")


def test_nothing_comes_back_where_there_is_no_content(client: Client, canned: Canned) -> None:
    canned.on("DELETE", "/v1/models/x", None, status=204)

    client.delete("/v1/models/x")

    assert canned.last("DELETE").path == "/v1/models/x"


def test_a_connection_that_breaks_is_no_service(client: Client, canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", GONE)

    with pytest.raises(NoService, match="no service answers at"):
        client.get("/v1/jobs")


def test_names_cannot_leave_their_place_in_a_path() -> None:
    assert path("models", "a/../b?x=1#y", "check") == "/v1/models/a%2F..%2Fb%3Fx%3D1%23y/check"
    assert path("datasets", "faces@1f3a") == "/v1/datasets/faces@1f3a"


def test_a_data_folder_tells_where_its_service_is(folder: Path, canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", {"ok": True})

    with connect(folder) as client:
        assert client.get("/v1/jobs") == {"ok": True}


def test_the_environment_names_the_folder(
    folder: Path, canned: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERBENCH_DATA", str(folder))

    with connect() as client:
        assert client.url == canned.url


def test_an_address_in_the_environment_goes_before_the_default_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERBENCH_DATA", str(folder))
    monkeypatch.setenv("GERBENCH_URL", "https://gerbench.example/")

    with connect() as client:
        assert client.url == "https://gerbench.example"


def test_a_folder_that_is_named_goes_before_the_environment(
    folder: Path, canned: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERBENCH_URL", "https://gerbench.example")

    with connect(folder) as client:
        assert client.url == canned.url


def test_without_a_service_the_way_to_start_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoService, match=r"start one with `gerbench up --data .*nowhere`"):
        connect(tmp_path / "nowhere")


def test_without_a_key_the_place_to_put_it_is_told(folder: Path) -> None:
    (folder / "admin.key").unlink()

    with pytest.raises(ClientError, match=r"admin\.key is not there; set GERBENCH_API_KEY"):
        connect(folder)


def test_a_service_that_died_is_told_from_one_that_never_was(folder: Path) -> None:
    with serving() as other:
        (folder / "service.json").write_text(json.dumps({"url": other.url, "pid": 1}))

    with (
        connect(folder) as client,
        pytest.raises(NoService, match=r"no service answers at .*: start one with `gerbench up"),
    ):
        client.get("/v1/jobs")


def test_a_wrong_key_is_told_with_where_it_came_from(folder: Path) -> None:
    (folder / "admin.key").write_text("gb_wrong\n")

    with connect(folder) as client, pytest.raises(ApiProblem, match=r"it came from .*admin\.key"):
        client.get("/v1/jobs")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "nonsense"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="is no address of a service"):
        Client(url, KEY)


@pytest.mark.parametrize("key", ["naïve", "two\nlines", "a\0b"])
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ClientError, match="is no API key") as caught:
        Client("http://127.0.0.1", key)

    assert key not in str(caught.value)
