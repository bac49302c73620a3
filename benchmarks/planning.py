"""Planning a large job in the embedded service: the 202, the first call, the rate, the memory.

Run as `python -m benchmarks.planning [--samples N ...] [--batch-size B]` from the root. The
dataset is generated text, imported for real; the provider is a process of this benchmark that
notes when the first call comes and then takes its time.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.service import Up, up
from gerbench.client import path

LABELS = ("positive", "negative")
SPEC = {
    "name": "sentences",
    "task": "tweet_sentiment",
    "modality": "text",
    "labels": list(LABELS),
}
POLL_S = 0.02
THINKS_S = 60.0
"""How long the provider takes for an answer: longer than the planning."""


class Provider(BaseHTTPRequestHandler):
    """A provider that takes calls, and answers none of them in time."""

    called: Connection

    def do_POST(self) -> None:
        """Note the moment."""
        self.called.send(time.time())
        time.sleep(THINKS_S)


def serve(called: Connection) -> None:
    """Run the provider; its port comes first."""
    Provider.called = called
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    called.send(server.server_port)
    server.serve_forever()


def manifest(folder: Path, samples: int) -> Path:
    """Write a dataset of generated sentences as one CSV file."""
    target = folder / "sentences.csv"
    with target.open("w") as file:
        file.write("name,label,text\n")
        for n in range(samples):
            file.write(f"s{n:07d},{LABELS[n % 2]},This is sentence {n} and it means little.\n")
    return target


def measure(folder: Path, samples: int, batch_size: int | None) -> None:
    """Import, start again, submit, and print what was seen."""
    data = folder / "data"
    with up(data) as service, manifest(folder, samples).open("rb") as file:
        began = time.perf_counter()
        form = {"spec": json.dumps(SPEC)}
        service.client.upload(path("datasets"), form, "archive", file, filename="sentences.csv")
        imported = time.perf_counter() - began
    told, called = multiprocessing.Pipe(duplex=False)
    provider = multiprocessing.Process(target=serve, args=(called,), daemon=True)
    provider.start()
    try:
        # Another process, so that its memory is that of planning alone.
        with up(data) as service:
            planned = _plan(service, told, samples, batch_size)
    finally:
        provider.kill()
    print(
        f"{samples:>9,} {planned.size:>6} {imported:>8.1f} {planned.accepted_s:>6.2f}"
        f" {planned.called_s:>6.2f} {samples / planned.all_s:>11,.0f} {planned.peaks[0]:>8.0f}"
        f" {planned.peaks[1]:>6.0f}"
    )


@dataclass(frozen=True)
class Planned:
    """What was seen of one job; seconds count from its submission."""

    size: int
    """Samples in a request."""
    accepted_s: float
    called_s: float
    all_s: float
    peaks: tuple[float, float]
    """Peak memory in MB: ready, and when all was planned."""


def _plan(service: Up, told: Connection, samples: int, batch_size: int | None) -> Planned:
    """Submit a job and watch it being planned."""
    provider = f"http://127.0.0.1:{told.recv()}/v1"
    limits = {"rpm": 600, "concurrency": 8}
    model = {"name": "slow", "base_url": provider, "model": "slow", "limits": limits}
    service.client.post(path("models"), model)
    ready = service.peak_mb()
    job = {"dataset": SPEC["name"], "models": ["slow"], "batch_size": batch_size}
    began, moment = time.perf_counter(), time.time()
    made = service.client.post(path("jobs"), job)
    accepted = time.perf_counter() - began
    size = made["runs"][0]["batch_size"]
    while service.client.get(path("jobs", made["id"]))["progress"]["requests"] < -(
        -samples // size
    ):
        time.sleep(POLL_S)
    planned = time.perf_counter() - began
    assert told.poll(THINKS_S), "no call came"
    return Planned(size, accepted, told.recv() - moment, planned, (ready, service.peak_mb()))


def main() -> None:
    """Measure jobs of several sizes, each in a service of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--batch-size", type=int, help="samples in a request; else the default")
    arguments = parser.parse_args()
    print("wanted: 202 within 1 s, first call within 2 s, 20,000 samples/s, memory flat")
    print("  samples  batch import s  202 s call s   samples/s ready MB peak MB")
    for samples in arguments.samples:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), samples, arguments.batch_size)


if __name__ == "__main__":
    main()
