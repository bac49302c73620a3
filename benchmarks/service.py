"""The real service for benchmarks: processes, a folder of pictures, a job run to its end."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from gerbench.cli.packing import pack
from gerbench.client import Json, connect, path
from gerbench.folder import find

LABELS = ["angry", "fear", "happy", "sad"]
START_S = 60.0
POLL_S = 0.2
END_S = 900.0


def draw(folder: Path, count: int, kilobytes: float) -> None:
    """Fill a folder with different JPEG files of about one size: noise compresses predictably."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    side = max(16, int((kilobytes * 1000 / 0.62) ** 0.5))
    for number in range(count):
        label = folder / LABELS[number % len(LABELS)]
        label.mkdir(exist_ok=True)
        pixels = noise.integers(0, 256, (side, side), dtype=np.uint8)
        cv2.imwrite(str(label / f"{number:06}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])


@dataclass
class Cost:
    """What something took."""

    requests: int
    wall_s: float
    cpu_s: float
    peak_mb: float

    def __str__(self) -> str:
        """Return a line of figures."""
        return (
            f"{self.requests / self.wall_s:7.0f} requests/s {self.cpu_s / self.requests * 1e3:6.2f}"
            f" ms CPU a request {self.peak_mb:5.0f} MB"
        )


class Started:
    """A `gerbench` process."""

    def __init__(self, *arguments: object, log: Path, environment: Mapping[str, str]) -> None:
        with log.open("ab") as file:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "gerbench", *map(str, arguments)],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self.log = log

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used."""
        times = psutil.Process(self.popen.pid).cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        """Return the most memory that it had, in MB."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000

    def end(self) -> None:
        """Stop it."""
        self.popen.terminate()
        self.popen.wait(30)


class Service:
    """Processes of gerbench over one database, and a client."""

    def __init__(self, data: Path, processes: list[Started]) -> None:
        self.processes = processes
        deadline = time.monotonic() + START_S
        while (found := find(data)) is None or found["pid"] != processes[0].popen.pid:
            assert processes[0].popen.poll() is None, processes[0].log.read_text()
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(POLL_S)
        self.client = connect(data)

    def load(self, folder: Path, name: str) -> None:
        """Import a folder of pictures."""
        spec = {"name": name, "task": "facial_emotion", "modality": "image", "labels": LABELS}
        with tempfile.TemporaryFile() as archive:
            pack(folder, archive, lambda _: None)
            archive.seek(0)
            self.client.upload(path("datasets"), {"spec": json.dumps(spec)}, "archive", archive)

    def declare(self, base_url: str, name: str = "local", **spec: Any) -> None:
        """Declare a model."""
        prices = {"input_per_mtok": 1, "output_per_mtok": 2}
        body = {"name": name, "base_url": base_url, "model": "benchmark", "prices": prices, **spec}
        self.client.post(path("models"), body)

    def run(self, dataset: str, **body: Any) -> tuple[Json, Cost]:
        """Run a job to its end; return it and what it took, submission to stored figures."""
        before = self._cpu_s()
        job = self.client.post(path("jobs"), {"dataset": dataset, "models": ["local"], **body})
        deadline = time.monotonic() + END_S
        while job["status"] not in {"completed", "failed", "cancelled", "paused"}:
            assert time.monotonic() < deadline, job
            time.sleep(POLL_S)
            job = self.client.get(path("jobs", job["id"]))
        assert job["status"] == "completed", job["reason"]
        peak = max(process.peak_mb() for process in self.processes)
        cost = Cost(job["progress"]["attempts"], _seconds(job), self._cpu_s() - before, peak)
        return job, cost

    def _cpu_s(self) -> float:
        return sum(process.cpu_s() for process in self.processes)


def _seconds(job: Json) -> float:
    """Return the seconds from a job's submission to its end."""
    began, ended = (
        np.datetime64(job[name][:26].rstrip("Z")) for name in ("created_at", "finished_at")
    )
    return float((ended - began) / np.timedelta64(1, "s"))


@contextmanager
def embedded(folder: Path) -> Iterator[Service]:
    """Run the whole service as one process."""
    with ExitStack() as stack:
        data = folder / "var"
        data.mkdir()
        up = Started("up", "--port", 0, "--data", data, log=folder / "up.log", environment={})
        stack.callback(up.end)
        service = Service(data, [up])
        stack.enter_context(service.client)
        yield service
