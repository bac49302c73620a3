"""Jobs through the provider's batch mode, and a service that dies while a batch is on its way."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from gerbench.client import ApiProblem, Client, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import eventually, up

pytestmark = pytest.mark.slow

LINES = 14
"""140 faces, ten a request."""


def test_a_batch_job_costs_half_and_says_the_same_as_an_online_one(
    tmp_path: Path, faces: Path
) -> None:
    with up(tmp_path / "data") as service, LocalEndpoint() as endpoint:
        job = begin(service.client, endpoint, faces)
        body = {"dataset": "faces", "models": ["local"], "batch_size": 10}
        quote = service.client.post(path("jobs", "quote"), body)
        job = jobs.ended(service.client, job)
        online = jobs.ended(service.client, jobs.submit(service.client, batch_size=10))
        said = [jobs.said(jobs.rows(service.client, j, "predictions")) for j in (job, online)]
        attempts = jobs.rows(service.client, job, "attempts")
        (batch,) = service.client.items(path("jobs", job["id"], "batches"))
        run = path("runs", job["runs"][0]["id"], "rescore")
        rescored = service.client.post(run, {})

    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    assert said[0] == said[1]
    # The canary goes online, ahead of the batch, at the whole price.
    (canary,) = [attempt for attempt in attempts if attempt["batch_id"] is None]
    half = (online["cost"]["usd"] + canary["cost_usd"]) / 2
    assert job["cost"]["usd"] == pytest.approx(half, abs=1e-6)
    assert job["quote"]["usd"] == pytest.approx(quote["usd"] / 2, rel=0.01)
    assert (job["quote"]["bound_by"], job["quote"]["seconds"]) == ("batch", 24 * 3600)
    assert (batch["state"], batch["lines"], batch["completed"]) == ("done", LINES - 1, LINES - 1)
    assert {attempt["batch_id"] for attempt in attempts} == {None, batch["id"]}
    # Read again from the lines as they were kept.
    assert (rescored["replies_read"], rescored["samples_changed"]) == (LINES, 0)


def test_a_service_killed_around_the_upload_makes_one_batch_and_pays_once(
    tmp_path: Path, faces: Path
) -> None:
    data = tmp_path / "data"
    # The file is there, and the batch made, well before the service hears of it.
    with LocalEndpoint(EndpointOptions(latency_ms=1500)) as endpoint:
        with up(data) as service:
            job = begin(service.client, endpoint, faces)
            eventually(lambda: at(endpoint, "files"), 30)
            service.process.kill()
        with up(data) as service:
            eventually(lambda: under_way(service.client, job).get("file_id"), 60)
            service.process.kill()
        with up(data) as service:
            job = jobs.ended(service.client, job, seconds=90)
            attempts = jobs.rows(service.client, job, "attempts")
        made, log = at(endpoint, "batches"), endpoint.log

    assert len(made) == 1
    all_was_paid_once(job, attempts, log)


def test_a_service_killed_while_its_batch_is_answered_goes_on_polling(
    tmp_path: Path, faces: Path
) -> None:
    data = tmp_path / "data"
    with LocalEndpoint(EndpointOptions(batch_seconds=8)) as endpoint:
        with up(data) as service:
            job = begin(service.client, endpoint, faces)
            seen = eventually(lambda: answered_in_part(service.client, job), 60)
            service.process.kill()
        with up(data) as service:
            before = under_way(service.client, job)
            job = jobs.ended(service.client, job)
            attempts = jobs.rows(service.client, job, "attempts")
        made, log = at(endpoint, "batches"), endpoint.log

    assert seen["batches"][0]["provider_status"] == "in_progress"
    assert 0 < seen["eta_seconds"] <= 24 * 3600
    assert before["provider_id"] == made[0]["id"]
    assert len(made) == 1
    all_was_paid_once(job, attempts, log)


def test_a_cancelled_job_has_its_batch_cancelled_and_keeps_what_was_answered(
    tmp_path: Path, faces: Path
) -> None:
    with (
        up(tmp_path / "data") as service,
        LocalEndpoint(EndpointOptions(batch_seconds=30)) as endpoint,
    ):
        client = service.client
        job = begin(client, endpoint, faces)
        eventually(lambda: answered_in_part(client, job), 60)

        client.post(path("jobs", job["id"], "cancel"))
        eventually(lambda: not jobs.now(client, job)["batches"], 30)
        job = jobs.now(client, job)
        made, log = at(endpoint, "batches"), endpoint.log

    assert made[0]["status"] == "cancelled"
    answered = sum(len(entry.images) for entry in log if entry.billed)
    assert (job["status"], job["progress"]["answered"]) == ("cancelled", answered)
    assert 0 < answered < 140


def test_a_model_without_batch_mode_is_turned_away(tmp_path: Path, faces: Path) -> None:
    with up(tmp_path / "data") as service:
        jobs.import_folder(service.client, faces)
        jobs.name_model(service.client, "http://127.0.0.1:9/v1", wire="anthropic-messages")

        with pytest.raises(ApiProblem) as refused:
            jobs.submit(service.client, dispatch="batch")

    assert (refused.value.status, refused.value.type) == (422, "/problems/invalid_input")
    assert "submit with dispatch `online`" in refused.value.detail


def begin(client: Client, endpoint: LocalEndpoint, faces: Path, **body: Any) -> Json:
    """Import the faces, and submit a batch job over them."""
    jobs.import_folder(client, faces)
    jobs.name_model(client, endpoint.base_url)
    return jobs.submit(client, dispatch="batch", batch_size=10, **body)


def under_way(client: Client, job: Json) -> Json:
    """Return the batch of a job that is under way; nothing where there is none."""
    found: list[Json] = jobs.now(client, job)["batches"]
    return found[0] if found else {}


def answered_in_part(client: Client, job: Json) -> Json | None:
    """Return a job some lines of whose batch are answered."""
    found = jobs.now(client, job)
    return found if found["batches"] and found["batches"][0]["completed"] else None


def at(endpoint: LocalEndpoint, what: str) -> list[Json]:
    """Return the files or batches that an endpoint has."""
    found: list[Json] = httpx.get(f"{endpoint.base_url}/{what}").json()["data"]
    return found


def all_was_paid_once(job: Json, attempts: list[Json], log: list[Any]) -> None:
    """Check that nothing is lost, nothing paid for twice, and the totals agree."""
    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    assert jobs.billed_twice(log) == set()
    assert len(jobs.paid(log)) == 140
    assert job["progress"]["unknown_attempts"] == 0
    assert jobs.counts(attempts, "result") == {"answered": LINES}
    assert job["progress"]["attempts"] == LINES
    spent = sum(attempt["cost_usd"] for attempt in attempts)
    assert job["cost"]["usd"] == pytest.approx(spent, abs=1e-9)
