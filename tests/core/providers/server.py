"""A server on loopback that does to a connection whatever a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Seen:
    """A request as the server read it."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Connection:
    """One accepted connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "Server"

    async def head(self) -> tuple[str, dict[str, str]]:
        """Read up to the body."""
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = raw.strip().split("\r\n")
        named = (item.split(": ", 1) for item in fields)
        return line, {name.lower(): value for name, value in named}

    async def request(self) -> Seen:
        """Read a whole request and remember it."""
        line, headers = await self.head()
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(line, headers, body)
        self.server.seen.append(seen)
        self.server.heard.set()
        return seen

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection without a goodbye."""
        self.writer.transport.abort()


Behaviour = Callable[[Connection], Awaitable[None]]


@dataclass
class Server:
    """What runs, and what it saw."""

    url: str = ""
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a whole request has come."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the test is over: what a server that hangs waits for."""


def response(body: bytes, status: str = "200 OK", *fields: str) -> bytes:
    """Return a whole response with its length."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[Server]:
    """Run a server for as long as the block."""
    server = Server()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        connection = Connection(reader, writer, server)
        try:
            await behaviour(connection)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client left, which ends every conversation
        finally:
            writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    host, port = listener.sockets[0].getsockname()
    server.url = f"http://{host}:{port}/v1/chat/completions"
    try:
        yield server
    finally:
        server.stop.set()
        listener.close()
