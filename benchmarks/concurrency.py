"""Whether the number of calls under way that is found keeps a server as busy as the best fixed one.

    python -m benchmarks.concurrency [SLOTS …]

For each number of slots the service (`gerbench up`) works on a local endpoint that answers so many
requests at a time, half a second each, and has the others stand in line. The same job is run with
fixed concurrencies of one, two and four times the slots, and with `limits.concurrency: null`, the
search included. Judged from the endpoint's own log: requests a second, from first to last.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import cluster
from gerbench.client import Client, path

SLOTS = (4, 16, 64)
SERVICE_S = 0.5
RUN_S = 60.0
"""What a run takes at its best."""
ANY_RPM = 1_000_000
"""Where the concurrency is fixed, the rate is not to be searched for."""
TARGET = 0.9
ENDED = {"completed", "failed", "cancelled", "paused"}


def throughput(client: Client, endpoint: cluster.Endpoint, concurrency: int | None) -> float:
    """Run the job with a concurrency; return the requests that were answered in a second."""
    before = len(endpoint.entries())
    name = f"at-{concurrency}" if concurrency else "found"
    limits = {"concurrency": concurrency, "rpm": ANY_RPM} if concurrency else {}
    cluster.declare(client, endpoint.base_url, name=name, limits=limits)
    body = {"dataset": "texts", "models": [name], "batch_size": 1}
    job = client.post(path("jobs"), body)
    while job["status"] not in ENDED:
        time.sleep(cluster.POLL_S)
        job = client.get(path("jobs", job["id"]))
    entries = endpoint.entries()[before:]
    return len(entries) / (entries[-1].at - entries[0].at + SERVICE_S)


def compare(slots: int) -> tuple[float, dict[int, float]]:
    """Return what is done in a second where the number is found, and for each fixed number."""
    with tempfile.TemporaryDirectory(prefix="gerbench-concurrency-") as name:
        folder = Path(name)
        flags = ("--slots", slots, "--latency-ms", SERVICE_S * 1000)
        with cluster.endpoint(folder, *flags) as endpoint, cluster.embedded(folder) as client:
            cluster.load_texts(client, "texts", int(RUN_S * slots / SERVICE_S))
            found = throughput(client, endpoint, None)
            fixed = {n: throughput(client, endpoint, n) for n in (slots, 2 * slots, 4 * slots)}
            return found, fixed


def main() -> None:
    """Print a line for each number of slots; exit 1 if one missed its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slots", nargs="*", type=int, default=SLOTS)
    met = True
    for slots in parser.parse_args().slots:
        found, fixed = compare(slots)
        share = found / max(fixed.values())
        met = met and share >= TARGET
        told = ", ".join(f"{rate:.1f}/s at {number}" for number, rate in fixed.items())
        print(
            f"{slots:4} slots {'met   ' if share >= TARGET else 'MISSED'} {share:5.3f} of the best"
            f" fixed: {found:.1f}/s found; {told}",
            flush=True,
        )
    sys.exit(not met)


if __name__ == "__main__":
    main()
