"""How near the whole service comes to a provider's limits, judged from the provider's own log.

    python -m benchmarks.limits [--postgres URL] [--together N] [CASE …]

Each case runs the service (`gerbench up`, or API, clock and two workers on PostgreSQL and Redis)
against `gerbench endpoint`, which counts strictly. `burst` cases send two minutes' worth and are
judged by the time from submission to the end of the job. `steady` cases run for five minutes and
are judged by what the provider let in, over what its way to count allows: five limits by a sliding
window, one limit and five minutes' refill by a bucket, one limit for each window touched by fixed
windows. Where no header tells, nobody can know that more than the even rate is allowed: the
measure is five limits then.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cluster
from gerbench.client import Client, Json, path
from gerbench.endpoint.log import Entry

RPM = 600
REQUESTS = 2 * RPM
LATENCY_MS = 50
STEADY_S = 300.0
TOKENS = 300
"""About what a request of one text uses here."""
TPM = RPM * TOKENS
SPARE_S = 60.0
"""Beyond the target before a run is given up."""
ENDED = {"completed", "failed", "cancelled", "paused"}


@dataclass(frozen=True)
class Case:
    """One run."""

    name: str
    window: str = "sliding"
    headers: bool = True
    workers: int = 0
    """0: embedded."""
    credentials: int = 1
    tokens: bool = False
    """Whether tokens, not requests, are what is limited."""
    steady: bool = False

    @property
    def most_s(self) -> float:
        """Return the seconds that a burst may take."""
        return 63.0 if self.headers else 124.0


CASES = (
    Case("burst-headers"),
    Case("burst-silent", headers=False),
    Case("burst-headers-bucket", window="bucket"),
    Case("burst-silent-bucket", window="bucket", headers=False),
    Case("burst-headers-fixed", window="fixed"),
    Case("burst-silent-fixed", window="fixed", headers=False),
    Case("burst-headers-tpm", tokens=True),
    Case("burst-silent-tpm", tokens=True, headers=False),
    Case("burst-headers-2-credentials", credentials=2),
    Case("burst-silent-2-credentials", credentials=2, headers=False),
    Case("burst-headers-2-workers", workers=2),
    Case("burst-silent-2-workers", workers=2, headers=False),
    Case("burst-headers-2-workers-tpm", workers=2, tokens=True),
    Case("steady-headers", steady=True),
    Case("steady-silent", steady=True, headers=False),
    Case("steady-headers-bucket", steady=True, window="bucket"),
    Case("steady-headers-fixed", steady=True, window="fixed"),
    Case("steady-headers-tpm", steady=True, tokens=True),
    Case("steady-headers-2-workers", steady=True, workers=2),
    Case("steady-silent-2-workers", steady=True, workers=2, headers=False),
)


@dataclass(frozen=True)
class Course:
    """What came of a run."""

    case: Case
    entries: list[Entry]
    job_s: float

    @property
    def let_in(self) -> list[Entry]:
        """Return the requests that the provider let in, those it billed."""
        return [entry for entry in self.entries if entry.billed]

    @property
    def turned_away(self) -> int:
        """Return the 429s."""
        return sum(entry.status == 429 for entry in self.entries)

    @property
    def utilisation(self) -> float:
        """Return what was let in during five minutes, over what was allowed."""
        first = self.entries[0].at
        used = [entry for entry in self.let_in if entry.at < first + STEADY_S]
        amount = sum(e.prompt_tokens + e.completion_tokens for e in used)
        done = amount / TPM if self.case.tokens else len(used) / RPM
        return done / (self.case.credentials * self._limits(first))

    def _limits(self, first: float) -> float:
        """Return how many limits' worth the window lets in during five minutes."""
        minutes = STEADY_S / 60
        if not self.case.headers or self.case.window == "sliding":
            return minutes
        if self.case.window == "bucket":
            return minutes + 1
        # The endpoint's windows begin at full minutes of the system's monotonic clock.
        phase = (first - time.time() + time.monotonic()) % 60
        return (phase + STEADY_S) // 60 + 1

    def verdict(self) -> tuple[bool, str]:
        """Return whether the run met its target, and a line of figures."""
        away, sent = self.turned_away, len(self.entries)
        if self.case.steady:
            good = self.utilisation >= 0.98 and away <= 0.001 * sent
            figures = f"{self.utilisation:6.3f} of what is allowed in {STEADY_S:.0f} s"
        else:
            most = self.case.most_s
            good = self.job_s <= most and away == 0 and len(self.let_in) >= REQUESTS
            figures = f"{self.job_s:6.1f} s, {self.job_s / most:5.2f} of the {most:.0f} s allowed"
        return good, f"{figures}; {away} of {sent} were 429s"


def flags(case: Case) -> list[object]:
    """Return how the endpoint is to count."""
    limit = ("--tpm", TPM) if case.tokens else ("--rpm", RPM)
    told = () if case.headers else ("--no-limit-headers",)
    return [*limit, "--window", case.window, "--latency-ms", LATENCY_MS, *told]


def requests(case: Case) -> int:
    """Return how many samples the run is to have."""
    if not case.steady:
        return REQUESTS * case.credentials
    return int((STEADY_S / 60 + 2) * RPM * case.credentials * (2 if case.tokens else 1))


@contextmanager
def service(case: Case, folder: Path, options: argparse.Namespace) -> Iterator[Client]:
    """Run the service as the case wants it."""
    if not case.workers:
        with cluster.embedded(folder) as client:
            yield client
        return
    with cluster.distributed(folder, options.postgres, case.workers) as running:
        yield running.client


def run(case: Case, options: argparse.Namespace) -> Course:
    """Run a case."""
    with tempfile.TemporaryDirectory(prefix="gerbench-limits-") as name:
        folder = Path(name)
        keys = [f"BENCHMARK_KEY_{number}" for number in range(case.credentials)]
        os.environ.update({key: f"sk-{key.lower()}" for key in keys})
        with (
            cluster.endpoint(folder, *flags(case)) as endpoint,
            service(case, folder, options) as client,
        ):
            limits = {"tpm": TPM, "rpm": 100_000} if case.tokens else {"rpm": RPM}
            cluster.declare(
                client,
                endpoint.base_url,
                limits=limits,
                credentials=[{"env": key} for key in keys],
                max_tokens=200,
            )
            cluster.load_texts(client, "texts", requests(case))
            seconds = watch(client, case, endpoint)
            return Course(case, endpoint.entries(), seconds)


def watch(client: Client, case: Case, endpoint: cluster.Endpoint) -> float:
    """Run the job, to its end or for five minutes; return the seconds it took."""
    began = time.monotonic()
    job = client.post(path("jobs"), {"dataset": "texts", "models": ["local"], "batch_size": 1})
    longest = STEADY_S + SPARE_S if case.steady else case.most_s + SPARE_S
    while time.monotonic() < began + longest:
        time.sleep(cluster.POLL_S)
        found: Json = client.get(path("jobs", job["id"]))
        if found["status"] in ENDED:
            break
        seen = endpoint.entries() if case.steady else []
        if seen and seen[0].at + STEADY_S + 1 < time.time():
            break
    return time.monotonic() - began


def main() -> None:
    """Print a line for each case; exit 1 if one missed its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="or the beginning of its name")
    parser.add_argument("--postgres", default="postgresql+psycopg://postgres@127.0.0.1/postgres")
    parser.add_argument("--together", type=int, default=1, help="cases that run at a time")
    options = parser.parse_args()
    chosen = [
        case
        for case in CASES
        if not options.cases or any(case.name.startswith(asked) for asked in options.cases)
    ]
    met = True
    with ThreadPoolExecutor(options.together) as pool:
        for course in pool.map(lambda case: run(case, options), chosen):
            good, figures = course.verdict()
            met = met and good
            print(f"{course.case.name:30} {'met   ' if good else 'MISSED'} {figures}", flush=True)
    sys.exit(not met)


if __name__ == "__main__":
    main()
