"""What the whole service costs a call, beside the script a user would write.

Run as `python -m benchmarks.overhead [--requests N] [--batch B] [--kilobytes K]`. One provider with
a fixed latency answers both: the official client behind a semaphore, and `gerbench up`, from the
submission of a job to its stored figures. Read ratios: both run on this machine, in turn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.provider import provider
from benchmarks.service import Cost, draw, embedded

LATENCY_S = 0.05
IN_FLIGHT = 100
RPM = 10_000_000
"""A rate that nobody reaches: without one the service would look for the provider's."""


def script(base_url: str, pictures: Path, batch: int) -> Cost:
    """Run the script over the pictures."""
    command = [sys.executable, "-m", "benchmarks.peer", base_url, str(pictures)]
    done = subprocess.run(
        [*command, str(IN_FLIGHT), str(batch)], check=True, stdout=subprocess.PIPE
    )
    told = json.loads(done.stdout)
    return Cost(told["requests"], told["wall_s"], told["cpu_s"], told["peak_mb"])


def main() -> None:
    """Measure both, and print them with their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=1, help="pictures in a request")
    parser.add_argument("--kilobytes", type=float, default=3.0, help="of a picture")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pictures = folder / "pictures"
        draw(pictures, asked.requests * asked.batch, asked.kilobytes)
        with provider(LATENCY_S) as base_url, embedded(folder) as service:
            limits = {"rpm": RPM, "concurrency": IN_FLIGHT}
            service.declare(base_url, limits=limits)
            service.load(pictures, "pictures")
            for number in range(asked.rounds):
                theirs = script(base_url, pictures, asked.batch)
                _, ours = service.run("pictures", batch_size=asked.batch, seed=number)
                print(f"script  {theirs}")
                print(f"service {ours}")
                rate = ours.requests / ours.wall_s / (theirs.requests / theirs.wall_s)
                cpu = ours.cpu_s / ours.requests / (theirs.cpu_s / theirs.requests)
                print(f"service / script: {rate:.2f} x the requests/s, {cpu:.2f} x the CPU\n")


if __name__ == "__main__":
    main()
