"""A real HTTP server on loopback that answers what it is told, and remembers what it was asked."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "gb_test-key"
GONE = object()
"""An answer that is none: the connection is closed."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Canned:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)
    answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def on(self, method: str, path: str, *bodies: Any, status: int = 200) -> None:
        """Answer with each body in turn, then always with the last."""
        self.answers[method, path] += [(status, body) for body in bodies]

    def page(self, path: str, *items: Any) -> None:
        self.on("GET", path, {"items": list(items), "next_cursor": None})

    def last(self, method: str) -> Asked:
        return next(asked for asked in reversed(self.asked) if asked.method == method)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        with self.heard:
            self.asked.append(asked)
            self.heard.notify_all()
            if asked.headers.get("authorization") != f"Bearer {KEY}":
                return 401, problem(401, "unauthorized", "this API key is not valid")
            answers = self.answers[asked.method, asked.path]
            if not answers:
                return 404, problem(404, "not_found", f"there is nothing at {asked.path}")
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def wait_for(self, count: int) -> None:
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.asked) >= count, timeout=30)


def problem(status: int, kind: str, detail: str, **members: Any) -> dict[str, Any]:
    title = kind.replace("_", " ").capitalize()
    return {
        "type": f"/problems/{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        **members,
    }


@contextmanager
def serving() -> Iterator[Canned]:
    canned = Canned()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            parts = urlsplit(self.path)
            status, body = canned.answer(
                Asked(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
            )
            if body is not GONE:
                self._send(status, body)

        def _send(self, status: int, body: Any) -> None:
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text) if status != 204 else 0))
            self.end_headers()
            if status != 204:
                self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 - names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    canned.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield canned
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
