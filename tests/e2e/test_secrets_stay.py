"""A job at a provider that repeats what it was sent: no secret, key or image gets anywhere."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import eventually, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SECRET = "sk-provider-plainly-visible-0123456789"
GIVEN = "sk-given-with-its-model-0123456789"
API_KEY = "gerbench-admin-plainly-visible-0123456789"
ENVIRONMENT = {
    "PROVIDER_KEY": SECRET,
    "GERBENCH_ADMIN_KEY": API_KEY,
    "GERBENCH_LOG_LEVEL": "debug",
    "GERBENCH_LOG_FORMAT": "json",
}
STATUSES = {200, 400, 401, 500}
CREDENTIALS = [{"env": "PROVIDER_KEY"}]
WORDS = "Incorrect API key provided: {key}. You sent {authorization}"


class Repeating(BaseHTTPRequestHandler):
    """Answers the calls in turn: malformed, in prose, 400, 500, then 401; each with the key."""

    turns: Iterator[tuple[int, str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        authorization = self.headers["authorization"]
        key = authorization.removeprefix("Bearer ")
        status, body = next(self.turns)
        said = WORDS.format(key=key, authorization=authorization)
        data = body.replace("WORDS", said).encode()
        self.send_response(status)
        self.send_header("x-you-sent", authorization)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def turns() -> Iterator[tuple[int, str]]:
    yield 200, '{"choices": [{"message": {"content": "WORDS'
    yield (
        200,
        json.dumps(
            {"choices": [{"message": {"content": "WORDS"}, "finish_reason": "stop"}], "usage": {}}
        ),
    )
    yield 400, '{"error": {"message": "WORDS", "type": "invalid_request_error"}}'
    yield 500, "<html>WORDS</html>"
    while True:
        yield 401, '{"error": {"message": "WORDS", "code": "invalid_api_key"}}'


@contextmanager
def repeating() -> Iterator[str]:
    handler = type("Handler", (Repeating,), {"turns": turns()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def everything_told(ask: httpx.Client, job: Any) -> dict[str, str]:
    """Return all that the API says of a job, a model and the service, and of its own errors."""
    (run,) = (each["id"] for each in job["runs"])
    paths = [
        *(f"/v1/jobs/{job['id']}{part}" for part in ("", "/activity", "/export?format=csv")),
        *(f"/v1/runs/{run}{part}" for part in ("", "/attempts", "/requests", "/predictions")),
        *(f"/v1/runs/{run}/export?format={form}" for form in ("csv", "jsonl")),
        f"/v1/runs/{run}/attempts/export",
        *(f"/jobs/{job['id']}", f"/runs/{run}/attempts"),
        *("/v1/models", "/v1/models/local", "/v1/models/given", "/v1/audit", "/metrics", "/ready"),
    ]
    told = {each: ask.get(each) for each in paths}
    attempts = told[f"/v1/runs/{run}/attempts"].json()["items"]
    for attempt in attempts:
        told[f"attempt {attempt['id']}"] = ask.get(f"/v1/attempts/{attempt['id']}")
    wrong = {"name": "x", "base_url": "http://127.0.0.1:9", "model": "m"}
    told |= {
        "checked": ask.post("/v1/models/local/check"),
        "taken": ask.post("/v1/models", json={**wrong, "name": "given", "credentials": [GIVE]}),
        "invalid": ask.post("/v1/models", json={**wrong, "credentials": [{"sekret": GIVEN}]}),
        "nobody": ask.get("/v1/jobs", headers={"Authorization": f"Bearer {API_KEY}x"}),
        "nowhere": ask.get(f"/v1/jobs/{SECRET}"),
        "signed in": ask.get("/sign-in/a-link-that-is-none"),
    }
    assert all(answer.status_code < 500 for answer in told.values())
    assert {name for name, answer in told.items() if answer.status_code == 200} >= set(paths)
    return {name: answer.text + str(answer.headers) for name, answer in told.items()}


GIVE = {"secret": GIVEN}


def test_what_a_provider_repeats_is_told_nowhere_and_every_line_says_its_job(
    tmp_path: Path,
) -> None:
    draw_faces(tmp_path / "faces", 1)
    pictures = [path.read_bytes() for path in sorted((tmp_path / "faces").rglob("*.png"))]
    data = tmp_path / "data"
    with repeating() as url, up(data, key=API_KEY, environment=ENVIRONMENT) as service:
        client = service.client
        jobs.import_folder(client, tmp_path / "faces")
        one = {"concurrency": 1}
        jobs.name_model(client, url, credentials=CREDENTIALS, limits=one)
        jobs.name_model(client, url, "given", credentials=[GIVE], limits=one)
        with httpx.Client(
            base_url=service.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=30
        ) as ask:
            body = {"dataset": "faces", "models": ["local"], "batch_size": 1}
            submitted = ask.post("/v1/jobs", json=body)
            job = jobs.stands(client, submitted.json(), "paused")

            def heard() -> bool:
                # A job pauses a moment before the attempt that was the reason is stored.
                return {each["status"] for each in jobs.rows(client, job, "attempts")} == STATUSES

            eventually(heard, 30)
            told = everything_told(ask, job)
        lines = [
            json.loads(line) for line in service.process.output.splitlines() if line[:1] == "{"
        ]
        written = service.process.output

    files = {
        str(path): path.read_bytes().decode("latin-1")
        for path in data.rglob("*")
        if path.is_file() and "media" not in path.parts
    }
    assert any(name.endswith("gerbench.db") for name in files)
    found = [b64encode(picture).decode()[100:160] for picture in pictures]
    for where, text in {**told, **files, "log": written}.items():
        for hidden in (SECRET, GIVEN, API_KEY, *found):
            assert hidden not in text, where
    # It was the right text that was looked through: what stands in its place is there.
    assert any("Incorrect API key provided: ***" in text for text in told.values())

    (submission,) = [line for line in lines if line["message"] == "job submitted"]
    assert submission["job"] == job["id"]
    assert submission["request_id"] == submitted.headers["X-Request-ID"]
    attempts = [line for line in lines if line["message"] == "attempt"]
    assert {each["status"] for each in attempts} == STATUSES
    for each in attempts:
        assert (each["job"], each["run"]) == (job["id"], job["runs"][0]["id"])
        assert each["request"] > 0
        assert each["credential"] == "env:PROVIDER_KEY"
    calls = {(line["method"], line["route"]) for line in lines if line["message"] == "request"}
    assert {("POST", "/v1/jobs"), ("GET", "/v1/jobs/{job_id}"), ("GET", "/metrics")} <= calls
    assert "a-link-that-is-none" not in written
