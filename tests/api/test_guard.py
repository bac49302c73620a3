"""What is turned away before any route sees it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.guard import NUL, Guard

LIMIT = 100


async def echo(request: Request) -> Response:
    return Response(await request.body())


@pytest.fixture
def guarded() -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
    return TestClient(Guard(app, max_body=LIMIT))


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 10):
        yield b"x" * 10


def test_a_body_up_to_the_limit_reaches_the_route(guarded: TestClient) -> None:
    assert guarded.post("/", content=b"x" * LIMIT).content == b"x" * LIMIT
    assert guarded.post("/", content=chunks(LIMIT)).content == b"x" * LIMIT


def test_a_larger_body_is_refused_by_its_announced_size(guarded: TestClient) -> None:
    response = guarded.post("/", content=b"x" * (LIMIT + 1))

    assert (response.status_code, response.json()["type"]) == (413, "/problems/too_large")


def test_a_larger_body_is_refused_when_its_size_was_not_announced(guarded: TestClient) -> None:
    response = guarded.post("/", content=chunks(LIMIT + 10))

    assert (response.status_code, response.json()["max_bytes"]) == (413, LIMIT)


def test_an_upload_is_left_to_its_route(guarded: TestClient) -> None:
    response = guarded.post("/", files={"archive": b"x" * 2 * LIMIT})

    assert response.status_code == 200


@pytest.mark.parametrize("url", ["/a%00b", "/a?name=%00"])
def test_nul_in_an_address_is_refused(guarded: TestClient, url: str) -> None:
    response = guarded.get(url)

    assert (response.status_code, response.json()["type"]) == (400, "/problems/nul_character")


@given(st.lists(st.sampled_from(["\\", "\0", "u0000", "a", '"'])).map("".join))
def test_nul_is_found_in_json_exactly_where_it_is(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\u0000")

    assert bool(NUL.search(f'"{escaped}"'.encode())) == ("\0" in text)
