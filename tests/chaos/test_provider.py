"""A provider that is down, hangs, resets, drips or answers with a web page, for a while."""

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.rules.outages import FAULTS, IN_A_ROW
from gerbench.client import Client, Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from gerbench.endpoint.log import Entry
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import CALLS, LIMITS, SAMPLES, rows_of
from tests.chaos.outages import PATIENCE_S, PROVIDER_S, last
from tests.e2e import jobs
from tests.e2e.processes import eventually, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

KINDS = ("down", "hang", "reset", "drip", "html")
TIMEOUT_S = 3
LATENCY_MS = 400
BEFORE_MS = 800
"""Until the fault: so long that it comes in the middle of the job, however slow the machine."""
ALWAYS = {"fail_share": 1}


class Provider:
    """An endpoint at one address, well or with a fault, or not there at all."""

    def __init__(self) -> None:
        self._port = 0
        self._past: list[Entry] = []
        self._running: LocalEndpoint | None = None
        self.is_well(BEFORE_MS)

    def is_well(self, latency_ms: int = LATENCY_MS) -> None:
        """Answer from now on."""
        self._be(EndpointOptions(port=self._port, latency_ms=latency_ms))

    def has(self, fault: str) -> None:
        """Fail from now on, in one way."""
        self._be(EndpointOptions.model_validate({"port": self._port, **ALWAYS, "fail_kind": fault}))

    def is_gone(self) -> None:
        """Refuse connections from now on."""
        if self._running is not None:
            self._running.stop()
            self._past += self._running.log
        self._running = None

    def _be(self, options: EndpointOptions) -> None:
        self.is_gone()
        self._running = LocalEndpoint(options).start()
        self._port = urlsplit(self.base_url).port or 0

    @property
    def base_url(self) -> str:
        assert self._running is not None
        return self._running.base_url

    @property
    def log(self) -> list[Entry]:
        """Return all that came to the address."""
        return self._past + (self._running.log if self._running else [])


def faults(client: Client, job: Json) -> int:
    """Return how many calls of a job have failed so far."""
    return sum(a["result"] in FAULTS for a in jobs.rows(client, job, "attempts"))


def test_a_provider_that_fails_for_a_while_in_any_way_costs_no_sample(
    tmp_path: Path, few: Path
) -> None:
    with ExitStack() as stack, up(tmp_path / "data") as service, rows_of(service) as database:
        client = service.client
        jobs.import_folder(client, few)
        providers = {kind: Provider() for kind in KINDS}
        for provider in providers.values():
            stack.callback(provider.is_gone)
        submitted = {}
        for kind, provider in providers.items():
            spec = {"limits": LIMITS, "timeout_s": TIMEOUT_S}
            jobs.name_model(client, provider.base_url, kind, **spec)
            submitted[kind] = jobs.submit(client, model=kind, batch_size=1)
            jobs.reached(client, submitted[kind], 0.1)
            if kind == "down":
                provider.is_gone()
            else:
                provider.has(kind)

        for kind, job in submitted.items():
            eventually(lambda job=job: faults(client, job) > IN_A_ROW, 60, lambda kind=kind: kind)  # type: ignore[misc]
        last(PROVIDER_S)
        for provider in providers.values():
            provider.is_well()

        ended = {kind: jobs.ended(client, job, PATIENCE_S) for kind, job in submitted.items()}
        for kind, job in ended.items():
            check(client, job, database, providers[kind].log)
            requests = jobs.rows(client, job, "requests")
            # Only what it took to see the outage counts against the requests; an answer that was
            # on its way when it began makes the count begin anew.
            failures = sum(request["failures"] for request in requests)
            assert failures <= CALLS + IN_A_ROW + CALLS, kind

    assert {kind: job["progress"]["answered"] for kind, job in ended.items()} == dict.fromkeys(
        KINDS, SAMPLES
    )
