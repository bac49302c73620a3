"""Work for a service: pictures, a dataset of them, a model, and a job run to its end."""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from gerbench.client import Client, Json, path
from gerbench.packing import pack

LABELS = ["angry", "fear", "happy", "sad"]
POLL_S = 0.2
END_S = 900.0
RPM = 10_000_000
"""A rate that nobody reaches: without one the service would look for the provider's."""


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


def load(client: Client, folder: Path, name: str) -> None:
    """Import a folder of pictures."""
    spec = {"name": name, "task": "facial_emotion", "modality": "image", "labels": LABELS}
    with tempfile.TemporaryFile() as archive:
        pack(folder, archive, lambda _: None)
        archive.seek(0)
        client.upload(path("datasets"), {"spec": json.dumps(spec)}, "archive", archive)


def declare(client: Client, base_url: str, in_flight: int, name: str = "local") -> None:
    """Declare a model without limits but that on calls under way."""
    client.post(
        path("models"),
        {
            "name": name,
            "base_url": base_url,
            "model": "benchmark",
            "prices": {"input_per_mtok": 1, "output_per_mtok": 2},
            "limits": {"rpm": RPM, "concurrency": in_flight},
        },
    )


@dataclass(frozen=True)
class Cost:
    """What some requests took."""

    requests: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    """Of the largest process."""

    @property
    def rate(self) -> float:
        """Return the requests in a second."""
        return self.requests / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """Return the CPU milliseconds of a request."""
        return self.cpu_s / self.requests * 1e3

    def __str__(self) -> str:
        """Return a line of figures."""
        return f"{self.rate:6.0f} requests/s  {self.cpu_ms:5.2f} ms CPU  {self.peak_mb:4.0f} MB"


class Measured(Protocol):
    """One process or several."""

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far."""

    def peak_mb(self) -> float:
        """Return the most memory that one process has held so far."""


def run(
    client: Client, processes: Measured, *, told: Callable[[Json], object] = str, **body: Any
) -> Cost:
    """Run a job to its end; return what it took from its submission to its stored figures.

    `told` is called with the job once it is submitted.
    """
    before = processes.cpu_s()
    job = client.post(path("jobs"), body)
    told(job)
    deadline = time.monotonic() + END_S
    while job["status"] in {"queued", "running"}:
        if time.monotonic() > deadline:
            raise SystemExit(f"not at its end after {END_S} s: {job}")
        time.sleep(POLL_S)
        job = client.get(path("jobs", job["id"]))
    if job["status"] != "completed":
        raise SystemExit(f"the job is {job['status']}: {job['reason']}")
    cpu_s = processes.cpu_s() - before
    return Cost(job["progress"]["attempts"], _seconds(job), cpu_s, processes.peak_mb())


def _seconds(job: Json) -> float:
    """Return the seconds from a job's submission to its end."""
    began, ended = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    return (ended - began).total_seconds()
