"""What fifty who poll and fifty who watch cost a job at full speed, and how long they wait.

Run as `python -m benchmarks.viewers [--viewers N] [--every S] [--requests N]`. The service is a
real `gerbench up`; the same job runs without viewers and with them, in turn. Those who poll ask for
a job, the jobs and a run, one after the other, with the ETag of what they have, as browsers do;
those who watch hold an event stream. They are a process of their own. Then, with no job under way,
the benchmark page over a million predictions is opened again and again. Read ratios: viewers,
provider and service share this machine.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import httpx
import numpy as np

from benchmarks.analyses import fill
from benchmarks.provider import provider
from benchmarks.service import up
from benchmarks.work import declare, draw, load, run
from core.db import Database
from core.settings import Settings
from gerbench.client import Json
from gerbench.folder import find

LATENCY_S = 0.05
IN_FLIGHT = 100
PAGES = 100


@dataclass(frozen=True)
class Door:
    """Where the service is, and what opens it."""

    url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """Return what a request is sent with."""
        return {"Authorization": f"Bearer {self.key}"}


class Viewers:
    """Many who look at one job, and how long each answer took."""

    def __init__(self, door: Door, job: Json, every_s: float) -> None:
        self._door, self._every_s = door, every_s
        self._job, self._run = job["id"], job["runs"][0]["id"]
        self.waited: list[float] = []
        self.events = 0

    async def look(self, count: int, link: Connection) -> None:
        """Poll and watch until told that it is enough."""
        async with aiohttp.ClientSession(
            headers=self._door.headers, connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            looks = [self._poll(session, number / count) for number in range(count)]
            looks += [self._watch(session) for _ in range(count)]
            tasks = [asyncio.create_task(look) for look in looks]
            enough = asyncio.create_task(asyncio.to_thread(link.recv))
            done, _ = await asyncio.wait({enough, *tasks[:count]}, return_when="FIRST_COMPLETED")
            for task in tasks:
                task.cancel()
            for each in done:
                each.result()

    async def _poll(self, session: aiohttp.ClientSession, phase: float) -> None:
        tags: dict[str, str] = {}
        await asyncio.sleep(phase * self._every_s)
        while True:
            for place in (f"jobs/{self._job}", "jobs", f"runs/{self._run}"):
                began = time.perf_counter()
                headers = {"If-None-Match": tags[place]} if place in tags else {}
                async with session.get(f"{self._door.url}/v1/{place}", headers=headers) as reply:
                    await reply.read()
                    if reply.status not in {200, 304}:
                        raise SystemExit(f"{place} answered {reply.status}")
                    tags[place] = reply.headers.get("ETag", "")
                self.waited.append(time.perf_counter() - began)
                await asyncio.sleep(max(0.0, began + self._every_s - time.perf_counter()))

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        place = f"{self._door.url}/v1/jobs/{self._job}/events"
        async with session.get(place, timeout=aiohttp.ClientTimeout(total=None)) as reply:
            async for line in reply.content:
                self.events += line.startswith(b"event:")


def _view(link: Connection, door: Door, count: int, every_s: float) -> None:
    """Look at each job that is named, until told that it is enough."""
    while (job := link.recv()) is not None:
        viewers = Viewers(door, job, every_s)
        asyncio.run(viewers.look(count, link))
        link.send((viewers.waited, viewers.events))


@contextmanager
def crowd(door: Door, count: int, every_s: float) -> Iterator[Connection]:
    """Have viewers at hand, in another process."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_view, args=(there, door, count, every_s), daemon=True)
    process.start()
    try:
        yield here
        here.send(None)
        process.join()
    finally:
        process.kill()


def percentiles(waited: list[float]) -> str:
    """Return how long was waited, in words."""
    p50, p95, p99 = np.percentile(np.array(waited) * 1e3, [50, 95, 99])
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"


def look_at_jobs(asked: argparse.Namespace) -> None:
    """Run a job alone and looked at, in turn."""
    print("wanted: p95 < 150 ms, the job's rate falls by < 10 %")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw(folder / "pictures", asked.requests, 3.0)
        with provider(LATENCY_S) as base_url, up(folder / "var") as service:
            client, door = service.client, door_of(folder / "var")
            declare(client, base_url, IN_FLIGHT)
            load(client, folder / "pictures", "pictures")
            body: Json = {"dataset": "pictures", "models": ["local"], "batch_size": 1, "repeats": 2}
            with crowd(door, asked.viewers, asked.every) as link:
                for seed in range(asked.rounds):
                    alone = run(client, service, seed=2 * seed, **body)
                    seen = run(client, service, told=link.send, seed=2 * seed + 1, **body)
                    link.send("enough")
                    waited, events = link.recv()
                    print(f"alone      {alone}\nlooked at  {seen}")
                    print(
                        f"looked at / alone: {seen.rate / alone.rate:.2f} x the requests/s;"
                        f" {len(waited) / seen.wall_s:.0f} answers/s: {percentiles(waited)};"
                        f" {events / seen.wall_s:.0f} events/s",
                        flush=True,
                    )


def open_pages(samples: int) -> None:
    """Open the benchmark page over ten runs of so many samples."""
    print(f"the benchmark page over {10 * samples:,} predictions; wanted: p95 < 100 ms")
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "var"
        with up(data):
            pass  # The tables are made.
        database = Database.at(Settings(data=data, database_url=None).database)
        with database.write.begin() as session:
            fill(session, samples)
        database.close()
        with up(data):
            door, waited = door_of(data), []
            with httpx.Client(base_url=door.url, headers=door.headers, timeout=60) as client:
                for _ in range(PAGES):
                    began = time.perf_counter()
                    client.get("/benchmark", headers={"Accept": "text/html"}).raise_for_status()
                    waited.append(time.perf_counter() - began)
            print(f"first {waited[0] * 1e3:.0f} ms; then {percentiles(waited[1:])}")


def door_of(data: Path) -> Door:
    """Return where the service of a data folder is."""
    found = find(data)
    if found is None:
        raise SystemExit("the service has ended; its log is above")
    return Door(found["url"], (data / "admin.key").read_text("utf-8").strip())


def main() -> None:
    """Measure, and print what was seen beside what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=50, help="who poll, and as many who watch")
    parser.add_argument("--every", type=float, default=1.5, help="seconds from a poll to the next")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=100_000, help="of ten runs; 0: no pages")
    asked = parser.parse_args()
    look_at_jobs(asked)
    if asked.samples:
        open_pages(asked.samples)


if __name__ == "__main__":
    main()
