"""An application served on loopback as `gerbench up` does, for what needs a real connection."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from api.main import end_streams


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application; yield its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    started = threading.Event()
    startup = server.startup

    async def announce(sockets: list[socket.socket] | None = None) -> None:
        try:
            await startup(sockets=sockets)
        finally:
            started.set()

    server.startup = announce  # type: ignore[method-assign]  # uvicorn has no event for it
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if server.started:
            end_streams(app)
        server.should_exit = True
        thread.join()
        listener.close()
