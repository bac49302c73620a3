"""One trace from the call that submits a job to the calls that it makes, at a real receiver."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "sk-in-no-span-0123456789"
ANSWER = {
    "choices": [{"message": {"content": "I see: nothing."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 5},
}


class Server(BaseHTTPRequestHandler):
    """A model at /v1/chat/completions and an OTLP receiver at /v1/traces; keeps what comes."""

    got: list[tuple[str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.got.append((self.path, headers, body))
        traced = self.path == "/v1/traces"
        said = b"" if traced else json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf" if traced else "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(got: list[tuple[str, dict[str, str], bytes]]) -> Iterator[str]:
    handler = type("Handler", (Server,), {"got": got})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def value(found: AnyValue) -> Any:
    return getattr(found, str(found.WhichOneof("value")))


def spans_of(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the spans of an export, with what they are of."""
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {each.key: value(each.value) for each in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                yield {
                    "name": span.name,
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "trace": span.trace_id.hex(),
                    "kind": span.kind,
                    "about": {each.key: value(each.value) for each in span.attributes},
                    "service": resource["service.name"],
                    "failed": span.status.code == span.status.STATUS_CODE_ERROR,
                }


def test_a_jobs_spans_are_one_trace_and_the_provider_is_not_told(tmp_path: Path) -> None:
    draw_faces(tmp_path / "faces", 1)
    got: list[tuple[str, dict[str, str], bytes]] = []
    with serving(got) as url:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_SERVICE_NAME": "lab",
            "PROVIDER_KEY": SECRET,
        }
        with up(tmp_path / "data", environment=environment) as service:
            client = service.client
            jobs.import_folder(client, tmp_path / "faces")
            jobs.name_model(client, f"{url}/v1", credentials=[{"env": "PROVIDER_KEY"}])
            key = (tmp_path / "data" / "admin.key").read_text().strip()
            submitted = httpx.post(
                f"{service.url}/v1/jobs",
                json={"dataset": "faces", "models": ["local"]},
                headers={
                    "Authorization": f"Bearer {key}",
                    "traceparent": f"00-{TRACE}-{CALLER}-01",
                },
            )
            job = jobs.ended(client, submitted.json())
            run = job["runs"][0]["id"]
            attempts = jobs.rows(client, job, "attempts")
            _, seconds = service.process.terminate()

    exports = [body for path, _, body in got if path == "/v1/traces"]
    spans = [span for body in exports for span in spans_of(body) if span["trace"] == TRACE]
    by_name = {name: [s for s in spans if s["name"] == name] for name in {s["name"] for s in spans}}
    assert by_name.keys() == {"POST /v1/jobs", "plan", "request", "chat fer"}
    (post,) = by_name["POST /v1/jobs"]
    requests = {span["id"]: span for span in by_name["request"]}

    assert {span["service"] for span in spans} == {"lab"}
    assert post["parent"] == CALLER
    assert post["about"]["http.response.status_code"] == 202
    assert post["about"]["gerbench.request_id"] == submitted.headers["X-Request-ID"]
    for plan in by_name["plan"]:  # a wake-up may come twice; one of them plans
        assert (plan["parent"], plan["about"]["gerbench.run"]) == (post["id"], run)
    assert {span["parent"] for span in requests.values()} == {post["id"]}
    assert {span["about"]["gerbench.job"] for span in requests.values()} == {job["id"]}
    assert len(by_name["chat fer"]) == len(attempts)
    for call in by_name["chat fer"]:
        assert call["parent"] in requests
        assert call["about"]["gen_ai.usage.input_tokens"] == 11
        assert call["about"]["gerbench.result"] == "answered"
        assert call["about"]["server.address"] == "127.0.0.1"
        assert not call["failed"]

    calls = [headers for path, headers, _ in got if path != "/v1/traces"]
    assert len(calls) == len(attempts)
    assert not [headers for headers in calls if "traceparent" in headers]
    assert not [body for body in exports if SECRET.encode() in body or key.encode() in body]
    assert seconds < 5
