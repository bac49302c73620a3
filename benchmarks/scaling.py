"""What more worker processes are worth, on PostgreSQL and Redis.

Run as `python -m benchmarks.scaling [--postgres URL] [--workers N …]`. A provider
with a fixed latency answers requests of one picture; each number of workers runs the same job. On
a machine with two cores, PostgreSQL, Redis, the provider and the workers share them: read the CPU
a call beside the rate.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import cluster
from benchmarks.overhead import IN_FLIGHT, LATENCY_S
from benchmarks.provider import provider
from benchmarks.work import Cost, declare, draw, load, run


def measure(pictures: Path, base_url: str, workers: int, asked: argparse.Namespace) -> Cost:
    """Run the job with so many workers, once to warm up and once to be measured."""
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster.distributed(Path(folder), asked.postgres, workers) as service,
    ):
        declare(service.client, base_url, IN_FLIGHT)
        load(service.client, pictures, "pictures")
        body = {"dataset": "pictures", "models": ["local"], "batch_size": 1}
        run(service.client, service, sample_limit=200, **body)
        return run(service.client, service, seed=1, **body)


def main() -> None:
    """Measure each number of workers, and print it beside the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--postgres", default="postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    )
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    asked = parser.parse_args()
    first = None
    with tempfile.TemporaryDirectory() as folder, provider(LATENCY_S) as base_url:
        pictures = Path(folder) / "pictures"
        draw(pictures, asked.requests, 3.0)
        for workers in asked.workers:
            cost = measure(pictures, base_url, workers, asked)
            first = first or cost
            print(f"{workers} workers  {cost}  {cost.rate / first.rate:.2f} x the first")


if __name__ == "__main__":
    main()
