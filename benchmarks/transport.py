"""CPU per request of our client against httpx with its own pool, on loopback.

Run as `python -m benchmarks.transport [--requests N]` from the root. The server is a process of
its own; only the client's CPU counts. Read ratios: the milliseconds are this machine's.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import httpx

from core.providers.client import ProviderClient

HEADERS = {"authorization": "Bearer sk-benchmark", "content-type": "application/json"}
REPLY_BODY = b'{"choices":[{"message":{"content":"' + b"x" * 1500 + b'"}}]}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(REPLY_BODY), REPLY_BODY)
LATENCY_S = 0.05
BODIES = {"2 KB": b"x" * 2_000, "800 KB": b"x" * 800_000}
IN_FLIGHT = (100, 200)

Send = Callable[[str, bytes], Awaitable[int | None]]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request after a provider's latency, however short."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep(LATENCY_S)
            writer.write(REPLY)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve(ready: Connection) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, limit=2**20, backlog=1024)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _server(ready: Connection) -> None:
    asyncio.run(_serve(ready))


async def _measure(send: Send, url: str, body: bytes, in_flight: int, requests: int) -> float:
    """Return the CPU seconds of a request, connections being open already."""
    room = asyncio.Semaphore(in_flight)

    async def one() -> None:
        async with room:
            assert await send(url, body) == 200

    await asyncio.gather(*(one() for _ in range(in_flight)))
    before = time.process_time()
    await asyncio.gather(*(one() for _ in range(requests)))
    return (time.process_time() - before) / requests


async def _compare(port: int, requests: int) -> None:
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    limits = httpx.Limits(max_connections=2000, max_keepalive_connections=2000)
    print(f"{'body':>8} {'in flight':>10} {'ours ms':>9} {'httpx ms':>9} {'httpx / ours':>13}")
    for name, body in BODIES.items():
        for in_flight in IN_FLIGHT:
            ours = ProviderClient()
            async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as plain:

                async def send_ours(
                    url: str, body: bytes, client: ProviderClient = ours
                ) -> int | None:
                    return (await client.post(url, HEADERS, body, 60, secret=None)).status

                async def send_plain(
                    url: str, body: bytes, client: httpx.AsyncClient = plain
                ) -> int:
                    return (await client.post(url, headers=HEADERS, content=body)).status_code

                mine = await _measure(send_ours, url, body, in_flight, requests)
                theirs = await _measure(send_plain, url, body, in_flight, requests)
            await ours.aclose()
            print(
                f"{name:>8} {in_flight:>10} {mine * 1e3:>9.2f} {theirs * 1e3:>9.2f}"
                f" {theirs / mine:>13.1f}"
            )


def main() -> None:
    """Start the server, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="measured, for each line")
    arguments = parser.parse_args()
    ready, told = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_server, args=(told,), daemon=True)
    server.start()
    try:
        asyncio.run(_compare(ready.recv(), arguments.requests))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
