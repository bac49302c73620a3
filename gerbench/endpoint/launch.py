"""Starts the endpoint: as this process, or in a thread for tests and the demo."""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gerbench.endpoint.faults import HANGS, TRANSPORT
from gerbench.endpoint.log import Entry
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.server import Endpoint

KEEP_ALIVE_SECONDS = 75
"""Longer than any client's, so that the client is the one that closes."""
START_SECONDS = 20
GRACE_SECONDS = 1


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which also lets the application break the connection."""

    def on_message_begin(self) -> None:
        """Put the transport into the scope of each request."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]

    def shutdown(self) -> None:
        """End a call that hangs on purpose, so that stopping does not wait for it."""
        super().shutdown()
        if self.scope and self.scope["extensions"].get(HANGS):
            self.transport.abort()


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, endpoint: Endpoint, on_listen: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                endpoint.app(),
                http=Protocol,
                ws="none",
                loop="auto",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                backlog=4096,
            )
        )
        self._on_listen = on_listen

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._on_listen()


def bound(options: EndpointOptions) -> socket.socket:
    """Return a socket bound to the address asked for; raises OSError if it is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((options.host, options.port))
    except OSError:
        sock.close()
        raise
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the base URL a client is to be given."""
    host, port = sock.getsockname()[:2]
    return f"http://{host}:{port}/v1"


def serve(options: EndpointOptions, *, announce: Callable[[str], Any]) -> None:
    """Serve until told to stop; `announce` gets one line once clients may connect."""
    # uvicorn raises again the signal that ended it: as it is, that would leave files behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sock = bound(options)
    endpoint = Endpoint(options)
    try:
        Server(endpoint, lambda: announce(f"listening on {url_of(sock)}")).run(sockets=[sock])
    finally:
        endpoint.close()


class LocalEndpoint:
    """The endpoint in a thread of this process, on a free port unless one is named.

    `with LocalEndpoint(EndpointOptions(rpm=60)) as endpoint: ... endpoint.base_url`
    """

    def __init__(self, options: EndpointOptions | None = None) -> None:
        self.options = options or EndpointOptions()
        self._endpoint = Endpoint(self.options)
        self._sock = bound(self.options)
        self.base_url = url_of(self._sock)
        """Ends in `/v1`, as clients of OpenAI's and Anthropic's wires expect it."""
        self.root = self.base_url.removesuffix("/v1")
        """What the paths of all wires are below."""
        self._listens = threading.Event()
        self._server = Server(self._endpoint, self._listens.set)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._sock]}, name="endpoint", daemon=True
        )

    @property
    def log(self) -> list[Entry]:
        """Return every request served so far."""
        return self._endpoint.log.entries()

    def start(self) -> Self:
        """Start, and return once clients may connect."""
        self._thread.start()
        if not self._listens.wait(START_SECONDS):
            raise TimeoutError(f"the endpoint did not start within {START_SECONDS} s")
        return self

    def stop(self) -> None:
        """Stop; calls under way are cut off after a second."""
        self._server.should_exit = True
        self._thread.join()
        self._sock.close()
        self._endpoint.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
