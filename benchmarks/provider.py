"""A provider that costs next to nothing: answers every chat completion after a fixed latency.

It runs in a process of its own and stands for the provider in benchmarks of what comes before it;
`gerbench endpoint`, which looks at every picture, would be what is measured there.
"""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

import orjson
import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
PICTURE = b'"image_url":{'
USAGE = {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140}


def _reply(pictures: int) -> bytes:
    """Return a whole response that names so many pictures."""
    said = {f"Image {number}": ["happy", "sad", "fear"] for number in range(1, pictures + 1)}
    message = {"role": "assistant", "content": orjson.dumps(said).decode(), "refusal": None}
    body = orjson.dumps(
        {
            "id": "chatcmpl-benchmark",
            "object": "chat.completion",
            "created": 0,
            "model": "benchmark",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    )
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


class _Connection(asyncio.Protocol):
    """One connection; a request at a time, as HTTP/1.1 clients send them."""

    replies: dict[int, bytes] = {}  # noqa: RUF012 - one cache for all connections

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._received = bytearray()
        self._end = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self._received += data
        if not self._end:
            head, found, _ = self._received.partition(HEAD_END)
            if not found:
                return
            length = head.lower().split(LENGTH)[1].split(b"\r\n")[0]
            self._end = len(head) + len(HEAD_END) + int(length)
        if len(self._received) >= self._end:
            pictures = max(1, self._received.count(PICTURE))
            self._received.clear()
            self._end = 0
            asyncio.get_running_loop().call_later(self._latency_s, self._answer, pictures)

    def _answer(self, pictures: int) -> None:
        if pictures not in self.replies:
            self.replies[pictures] = _reply(pictures)
        self._transport.write(self.replies[pictures])


async def _serve(ready: Connection, latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(latency_s), "127.0.0.1", 0, backlog=1024)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _run(ready: Connection, latency_s: float) -> None:
    uvloop.run(_serve(ready, latency_s))


@contextmanager
def provider(latency_s: float) -> Iterator[str]:
    """Run the provider for as long as it is needed; yield its base URL."""
    ready, told = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_run, args=(told, latency_s), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ready.recv()}/v1"
    finally:
        process.terminate()
        process.join()
