"""The system's clock set by an hour, ahead and back, in the middle of a run and between two."""

import signal
from pathlib import Path

import pytest

from gerbench.client import path
from gerbench.endpoint import LocalEndpoint
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import LIMITS, SAMPLES, SLOW, begun, rows_of
from tests.e2e import jobs
from tests.e2e.processes import LAUNCHER, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

STEPPED = {LAUNCHER: "tests.chaos.stepped"}


def test_a_clock_that_is_set_in_mid_run_neither_stalls_it_nor_pays_twice(
    tmp_path: Path, few: Path
) -> None:
    with (
        LocalEndpoint(SLOW) as endpoint,
        up(tmp_path / "data", environment=STEPPED) as service,
        rows_of(service) as database,
    ):
        client = service.client
        jobs.import_folder(client, few)
        for name, step in (("ahead", signal.SIGUSR1), ("back", signal.SIGUSR2)):
            job = begun(client, endpoint, name)
            service.process.signal(step)
            job = jobs.ended(client, job)
            # Both jobs send the same bodies to the same endpoint.
            (entries,) = (endpoint.log[-SAMPLES:],)
            job = check(client, job, database, entries)
            assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
            assert jobs.billed_twice(entries) == set()

    assert len(endpoint.log) == 2 * SAMPLES


def test_what_was_queued_by_a_clock_an_hour_ahead_is_due_after_a_restart(
    tmp_path: Path, few: Path
) -> None:
    data, ahead = tmp_path / "data", {**STEPPED, "AHEAD_S": "3600"}
    with LocalEndpoint(SLOW) as endpoint:
        with up(data, environment=ahead) as service:
            jobs.import_folder(service.client, few)
            jobs.name_model(service.client, endpoint.base_url, limits=LIMITS)
            job = jobs.submit(service.client, batch_size=1)
            job = jobs.reached(service.client, job, 0.2)
            service.client.post(path("jobs", job["id"], "pause"))
        with up(data) as service, rows_of(service) as database:
            service.client.post(path("jobs", job["id"], "resume"))
            job = jobs.ended(service.client, job)
            job = check(service.client, job, database, endpoint.log)

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert jobs.billed_twice(endpoint.log) == set()
