"""A service that dies, or is stopped, in the middle of a job: nothing is lost or paid for twice."""

from pathlib import Path

import pytest

from gerbench.client import Client, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import eventually, up

pytestmark = pytest.mark.slow

BATCH = 4
CALLS = 6
"""Calls under way at once."""
LIMITS = {"concurrency": CALLS}


def test_a_killed_service_goes_on_and_pays_twice_only_for_what_was_in_flight(
    tmp_path: Path, faces: Path
) -> None:
    data = tmp_path / "data"
    with LocalEndpoint(EndpointOptions(latency_ms=700)) as endpoint:
        with up(data) as service:
            job = _begin(service.client, endpoint, faces)
            service.process.kill()
        with up(data) as service:
            job = jobs.ended(service.client, job)
            attempts = jobs.rows(service.client, job, "attempts")
            requests = jobs.rows(service.client, job, "requests")
            sent = jobs.sent_images(service.client, job)
        log = endpoint.log

    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    unknown = [a for a in attempts if a["result"] == "unknown"]
    assert 1 <= len(unknown) <= CALLS
    assert job["progress"]["unknown_attempts"] == len(unknown)
    samples = {request["id"]: request["sample_ids"] for request in requests}
    in_flight = {sent[sample] for a in unknown for sample in samples[a["request_id"]]}
    assert jobs.billed_twice(log) <= in_flight
    assert jobs.paid(log).keys() == set(sent.values())
    assert all(a["finished_at"] and "died" in a["reason"] for a in unknown)
    _money_agrees(job, attempts)


def test_a_service_stopped_in_mid_run_lets_calls_end_and_pays_for_nothing_twice(
    tmp_path: Path, faces: Path
) -> None:
    data = tmp_path / "data"
    with LocalEndpoint(EndpointOptions(latency_ms=500)) as endpoint:
        with up(data) as service:
            job = _begin(service.client, endpoint, faces)
            code, seconds = service.process.terminate()
        with up(data) as service:
            job = jobs.ended(service.client, job)
            attempts = jobs.rows(service.client, job, "attempts")
        log = endpoint.log

    assert code == 0
    assert seconds < 5
    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    assert job["progress"]["unknown_attempts"] == 0
    assert jobs.billed_twice(log) == set()
    assert len(log) == len(attempts)
    _money_agrees(job, attempts)


def test_a_stop_cuts_off_calls_that_do_not_end_and_counts_them_as_unknown(
    tmp_path: Path, faces: Path
) -> None:
    data = tmp_path / "data"
    hanging = EndpointOptions(fail_share=1, fail_kind="hang")
    with LocalEndpoint(hanging) as stuck, LocalEndpoint() as endpoint:
        with up(data) as service:
            jobs.import_folder(service.client, faces)
            jobs.name_model(service.client, stuck.base_url, limits=LIMITS)
            job = jobs.submit(service.client, sample_limit=CALLS, batch_size=1)
            eventually(lambda: len(stuck.log) == CALLS, 30)
            service.client.patch(path("models", "local"), {"base_url": endpoint.base_url})
            code, seconds = service.process.terminate()
            said = service.process.output
        with up(data) as service:
            job = jobs.ended(service.client, job)
            attempts = jobs.rows(service.client, job, "attempts")
        log = endpoint.log

    assert code == 0
    assert seconds < 5
    assert "Error" not in said
    assert "Traceback" not in said
    assert (job["status"], job["progress"]["answered"]) == ("completed", CALLS)
    assert job["progress"]["unknown_attempts"] == CALLS
    assert jobs.counts(attempts, "result") == {"unknown": CALLS, "answered": CALLS}
    assert sum(jobs.paid(log).values()) == CALLS


def _begin(client: Client, endpoint: LocalEndpoint, faces: Path) -> Json:
    """Import the faces, and return a job over them that is well under way."""
    jobs.import_folder(client, faces)
    jobs.name_model(client, endpoint.base_url, limits=LIMITS)
    job = jobs.submit(client, batch_size=BATCH)
    return jobs.reached(client, job, 0.3)


def _money_agrees(job: Json, attempts: list[Json]) -> None:
    """Compare the totals of a job with the sum of its attempts."""
    spent = sum(a["cost_usd"] or 0 for a in attempts)
    assert job["cost"]["usd"] == pytest.approx(spent, abs=1e-9)
    assert job["progress"]["attempts"] == len(attempts)
