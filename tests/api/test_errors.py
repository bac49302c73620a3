"""Every failure is a problem that says what to do."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from pydantic import Field

from api.errors import STATUS, status_of
from api.schemas.base import Body
from core import errors
from core.errors import DomainError, InvalidInput

echo = APIRouter()


class Echo(Body):
    """A body."""

    number: int = Field(1, le=5)
    text: str = ""
    ratio: float = 0.0


@echo.post("/echo")
def post_echo(body: Echo) -> str:
    return body.text


@echo.get("/echo/{name}")
def get_echo(name: str) -> str:
    if name == "bug":
        raise ZeroDivisionError("secret")
    raise InvalidInput(f"no {name}", hint=1, status="cannot be overwritten")


@pytest.fixture
def echoing(app: FastAPI) -> Iterator[TestClient]:
    app.include_router(echo)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def all_subclasses(cls: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in cls.__subclasses__():
        yield child
        yield from all_subclasses(child)


def test_every_domain_error_has_a_status() -> None:
    unmapped = [cls for cls in all_subclasses(DomainError) if status_of(cls) == 500]

    assert unmapped == []


def test_every_domain_error_has_its_own_code() -> None:
    codes = [cls.code for cls in all_subclasses(DomainError) if cls.__module__ == errors.__name__]

    assert len(codes) == len(set(codes))


def test_the_nearest_ancestor_decides_the_status() -> None:
    assert status_of(errors.IllegalMove) == STATUS[errors.Conflict] == 409


def test_a_domain_error_is_a_problem_with_its_details(echoing: TestClient) -> None:
    response = echoing.get("/echo/tea")

    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "/problems/invalid_input",
        "title": "Invalid input",
        "status": 422,
        "detail": "no tea",
        "hint": 1,
    }


def test_an_unknown_path_is_a_problem(anonymous: TestClient) -> None:
    response = anonymous.get("/v2/nothing")

    assert (response.status_code, response.json()["type"]) == (404, "/problems/no_such_path")
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(anonymous: TestClient) -> None:
    response = anonymous.delete("/health")

    assert (response.status_code, response.json()["type"]) == (405, "/problems/method_not_allowed")
    assert response.headers["Allow"] == "GET"


def test_a_bug_shows_a_reference_and_nothing_else(echoing: TestClient) -> None:
    response = echoing.get("/echo/bug")

    assert response.status_code == 500
    assert set(response.json()) == {"type", "title", "status", "detail", "reference"}
    assert "secret" not in response.text


def test_each_fault_of_a_body_is_pointed_at(echoing: TestClient) -> None:
    response = echoing.post("/echo", json={"number": 6, "a/b~c": 1})

    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid_request")
    assert [error["pointer"] for error in response.json()["errors"]] == [
        "/body/number",
        "/body/a~1b~0c",
    ]


@pytest.mark.parametrize("body", [b"{", b"not json", b'{"number": }', b'{"text": "\n"}'])
def test_a_body_that_is_not_json_is_told_so(echoing: TestClient, body: bytes) -> None:
    response = echoing.post("/echo", content=body, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid_json")


def test_a_body_in_another_format_is_told_what_to_send(echoing: TestClient) -> None:
    response = echoing.post("/echo", content=b"{}", headers={"Content-Type": "text/plain"})

    assert (response.status_code, response.json()["type"]) == (
        415,
        "/problems/unsupported_media_type",
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"text": "\\u0000"}',
        b'{"ratio": NaN}',
        b'{"ratio": 1e999}',
        b'{"number": ' + b"9" * 5000 + b"}",
        b'{"number": 1e400}',
        b"[" * 100_000,
        b"",
        b"null",
    ],
)
def test_what_json_can_hold_but_no_database_can_is_refused(
    echoing: TestClient, body: bytes
) -> None:
    response = echoing.post("/echo", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code in {400, 422}
    assert response.headers["Content-Type"] == "application/problem+json"
