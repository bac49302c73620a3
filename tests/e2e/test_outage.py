"""An endpoint that goes away for a while: nothing is given up, and it is not hammered."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.rules.outages import FAULTS, IN_A_ROW
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Process, eventually, running, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

CALLS = 8
TRIES = 3
"""After 1, 2 and 4 s: an outage of some seconds, then."""


def listening(endpoint: Process) -> str:
    """Return the address that a local endpoint prints once it listens."""
    endpoint.says("listening on ")
    return endpoint.output.split("listening on ")[1].split()[0]


def test_an_outage_fails_no_sample_and_one_call_at_a_time_tries_until_it_is_over(
    tmp_path: Path, faces: Path
) -> None:
    log = tmp_path / "endpoint.log"
    with up(tmp_path / "data") as service:
        with running("endpoint", "--latency-ms", 100, log=log) as endpoint:
            address = listening(endpoint)
            jobs.import_folder(service.client, faces)
            jobs.name_model(service.client, address, limits={"concurrency": CALLS})
            job = jobs.submit(service.client, batch_size=1)
            jobs.reached(service.client, job, 0.3)
            # A stop would let calls end well, and each is a sign of life.
            endpoint.kill()

        def faults() -> int:
            attempts = jobs.rows(service.client, job, "attempts")
            return sum(attempt["result"] in FAULTS for attempt in attempts)

        eventually(lambda: faults() >= CALLS + TRIES, 60)
        with LocalEndpoint(EndpointOptions(port=urlsplit(address).port or 0)):
            job = jobs.ended(service.client, job, 90)
        requests = jobs.rows(service.client, job, "requests")

    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    # Only what it took to see the outage counts against the requests.
    assert sum(request["failures"] for request in requests) < IN_A_ROW
