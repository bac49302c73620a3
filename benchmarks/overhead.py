"""What the whole service costs a call, beside the script that a user would write.

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
from benchmarks.service import up
from benchmarks.work import Cost, declare, draw, load, run

LATENCY_S = 0.05
IN_FLIGHT = 100


def script(base_url: str, pictures: Path, batch: int) -> Cost:
    """Run the script over the pictures."""
    command = [sys.executable, "-m", "benchmarks.peer", base_url, str(pictures)]
    done = subprocess.run(
        [*command, str(IN_FLIGHT), str(batch)], check=True, stdout=subprocess.PIPE
    )
    return Cost(**json.loads(done.stdout))


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
        with provider(LATENCY_S) as base_url, up(folder / "var") as service:
            declare(service.client, base_url, IN_FLIGHT)
            load(service.client, pictures, "pictures")
            body = {"dataset": "pictures", "models": ["local"], "batch_size": asked.batch}
            for seed in range(asked.rounds):
                theirs = script(base_url, pictures, asked.batch)
                ours = run(service.client, service, seed=seed, **body)
                print(f"script   {theirs}")
                print(f"service  {ours}")
                print(
                    f"service / script: {ours.rate / theirs.rate:.2f} x the requests/s,"
                    f" {ours.cpu_ms / theirs.cpu_ms:.2f} x the CPU a request\n"
                )


if __name__ == "__main__":
    main()
