"""What the log and the answer say of a request."""

from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from api.requestlog import HEADER, RequestLog

ID = "5a0bd245-c42e-44af-9a81-850dfc4f4a33"


@pytest.fixture(autouse=True)
def everything_is_told() -> None:
    """Forget how much an application that another test has run in this process logs."""
    structlog.reset_defaults()


async def answer(request: Request) -> Response:
    if request.path_params["run_id"] == "bad":
        raise RuntimeError
    return Response(get_contextvars()["request_id"])


@pytest.fixture
def logged() -> TestClient:
    methods = ["GET", "POST"]
    app = Starlette(routes=[Route("/v1/runs/{run_id}/{rest}", answer, methods=methods)])
    return TestClient(RequestLog(app), raise_server_exceptions=False)


def lines(client: TestClient, method: str, path: str) -> list[dict[str, Any]]:
    with capture_logs() as found:
        client.request(method, path)
    return [dict(line) for line in found]


def test_the_answer_says_the_id_that_is_on_the_lines(logged: TestClient) -> None:
    response = logged.get(f"/v1/runs/{ID}/x")

    assert len(response.text) == 32
    assert response.headers[HEADER] == response.text


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("from-the-proxy.7", True),
        ("short", False),
        ("x" * 65, False),
        ('"} {"level": "error', False),
    ],
)
def test_an_id_that_a_proxy_gave_is_kept_if_it_is_one(
    logged: TestClient, given: str, taken: bool
) -> None:
    response = logged.get(f"/v1/runs/{ID}/x", headers={HEADER: given})

    assert (response.headers[HEADER] == given) == taken


def test_a_line_tells_the_pattern_of_the_address_and_its_ids_and_nothing_else(
    logged: TestClient,
) -> None:
    (line,) = lines(logged, "POST", f"/v1/runs/{ID}/sk-secret?key=sk-secret")

    assert line.pop("ms") >= 0
    assert line == {
        "event": "request", "log_level": "info", "method": "POST", "status": 200,
        "route": "/v1/runs/{run_id}/{rest}", "run": ID,
    }  # fmt: skip
    for path in ("/v1/runs/sk-secret/x", "/sk-secret"):
        assert "sk-secret" not in str(lines(logged, "GET", path))


def test_what_matters_more_is_told_louder(logged: TestClient) -> None:
    calls = [("GET", ID), ("POST", ID), ("GET", "bad")]
    found = [lines(logged, method, f"/v1/runs/{run}/x")[0] for method, run in calls]

    told = [(line["log_level"], line["status"]) for line in found]
    assert told == [("debug", 200), ("info", 200), ("warning", 500)]
