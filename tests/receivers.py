"""A receiver of webhooks on loopback: it keeps what it is told, and answers as a test says."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Told:
    """A message as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """What runs, what it was told, and how it answers next; the last way stays."""

    script: list[Behaviour]
    url: str = ""
    told: list[Told] = field(default_factory=list)

    def keep(self, handler: BaseHTTPRequestHandler) -> Behaviour:
        """Keep a message; return how to answer it."""
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.told.append(Told(headers, body))
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def answers(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer so."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hangs(until: threading.Event) -> Behaviour:
    """Say nothing before an event, and then nothing."""

    def hang(_: BaseHTTPRequestHandler) -> None:
        until.wait(30)

    return hang


def drops(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection in the middle of an answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def receiving(*script: Behaviour) -> Iterator[Receiver]:
    """Run a receiver that answers in these ways, one after the other."""
    receiver = Receiver(list(script or [answers(204)]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            receiver.keep(self)(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
