"""Jobs steered while they run: cancelled, paused, resumed, retried, submitted twice or at once."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from gerbench.client import ApiProblem, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Up, eventually, up

pytestmark = pytest.mark.slow

LATENCY_S = 0.3
CALLS = 4
SOON_S = 2.0
"""So long after the answer to a pause or a cancel a call that had left may still arrive."""
SLOW = EndpointOptions(latency_ms=1000 * LATENCY_S)
LIMITS = {"concurrency": CALLS}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("control") / "data") as service:
        jobs.import_folder(service.client, faces)
        yield service


@pytest.fixture
def slow(service: Up, request: pytest.FixtureRequest) -> Iterator[LocalEndpoint]:
    """An endpoint that takes a while to answer; the model of this test's name calls it."""
    with LocalEndpoint(SLOW) as endpoint:
        jobs.name_model(service.client, endpoint.base_url, model_of(request), limits=LIMITS)
        yield endpoint


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A name for a model that no other test has."""
    return model_of(request)


def model_of(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)[:64].strip("_")


def test_nothing_leaves_once_a_cancel_is_answered(
    service: Up, slow: LocalEndpoint, model: str
) -> None:
    client = service.client
    job = jobs.submit(client, model=model, batch_size=2)
    jobs.reached(client, job, 0.2)

    cancelled = client.post(path("jobs", job["id"], "cancel"))
    heard_at = time.time()
    answered_at = _server_time(cancelled["finished_at"])
    eventually(lambda: not _under_way(service, job), 10)
    job = jobs.now(client, job)
    attempts, predictions = (jobs.rows(client, job, kind) for kind in ("attempts", "predictions"))

    assert cancelled["status"] == job["status"] == "cancelled"
    assert all(_server_time(a["sent_at"]) <= answered_at for a in attempts)
    assert _last_served(slow) <= heard_at + SOON_S
    assert len(slow.log) == len(attempts)
    assert {a["result"] for a in attempts} == {"answered"}
    assert len(predictions) == job["progress"]["answered"] == 2 * len(attempts)
    assert job["progress"]["pending"] == 140 - len(predictions) > 0
    # What had not been sent is out of the queue, and stays so.
    eventually(lambda: _states(service, job) == {"done", "cancelled"}, 10)
    assert len(slow.log) == len(attempts)


def test_a_paused_job_sends_nothing_until_it_is_resumed(
    service: Up, slow: LocalEndpoint, model: str
) -> None:
    client = service.client
    job = jobs.submit(client, model=model, batch_size=4)
    jobs.reached(client, job, 0.2)

    paused = client.post(path("jobs", job["id"], "pause"))
    heard_at = time.time()
    eventually(lambda: not _under_way(service, job), 10)
    calls = len(slow.log)
    assert _last_served(slow) <= heard_at + SOON_S
    kept = jobs.rows(client, job, "attempts")
    assert (len(kept), {a["result"] for a in kept}) == (calls, {"answered"})
    assert paused["status"] == jobs.now(client, job)["status"] == "paused"
    # The clock ticks every second; a whole small job goes by meanwhile.
    jobs.ended(client, jobs.submit(client, model=model, batch_size=2, sample_limit=4))
    assert len(slow.log) == calls + 2

    resumed = client.post(path("jobs", job["id"], "resume"))
    eventually(lambda: len(slow.log) > calls + 2, 10)
    job = jobs.ended(client, job)
    assert resumed["status"] == "running"
    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    assert jobs.billed_twice(slow.log[:calls] + slow.log[calls + 2 :]) == set()


def test_samples_that_failed_are_asked_again_and_the_others_are_not(
    service: Up, model: str
) -> None:
    client = service.client
    # A body that is too large even for one sample fails at once; a server error is tried six times.
    with LocalEndpoint(EndpointOptions(max_body_mb=0.001)) as down, LocalEndpoint() as good:
        jobs.name_model(client, good.base_url, model, limits=LIMITS)
        job = jobs.ended(client, jobs.submit(client, model=model, sample_limit=20, batch_size=10))
        client.patch(path("models", model), {"base_url": down.base_url})
        failed = jobs.submit(client, model=model, sample_limit=4, batch_size=4)
        # The first call says so; from then on such requests are split.
        jobs.stands(client, failed, "paused")
        client.post(path("jobs", failed["id"], "resume"))
        failed = jobs.ended(client, failed)
        with pytest.raises(ApiProblem) as nothing_failed:
            client.post(path("jobs", job["id"], "retry"))

        client.patch(path("models", model), {"base_url": good.base_url})
        client.post(path("jobs", failed["id"], "retry"))
        retried = jobs.ended(client, failed)

    assert (failed["status"], failed["progress"]["failed"]) == ("failed", 4)
    assert "too large" in failed["reason"]
    assert (nothing_failed.value.status, nothing_failed.value.type) == (
        409,
        "/problems/illegal_move",
    )
    assert (retried["status"], retried["progress"]["answered"]) == ("completed", 4)
    assert retried["progress"]["failed"] == 0
    causes = jobs.counts(jobs.rows(client, retried, "requests"), "cause")
    assert causes == {"planned": 1, "too_large": 6, "retry": 1}


def test_the_same_idempotency_key_and_body_make_one_job(service: Up, model: str) -> None:
    client = service.client
    with LocalEndpoint() as endpoint:
        jobs.name_model(client, endpoint.base_url, model)
        body = {"dataset": "faces", "models": [model], "sample_limit": 4}
        key = {"Idempotency-Key": model}

        first = client.post(path("jobs"), body, headers=key)
        second = client.post(path("jobs"), body, headers=key)
        with pytest.raises(ApiProblem) as other:
            client.post(path("jobs"), {**body, "sample_limit": 5}, headers=key)
        jobs.ended(client, first)
        again = client.post(path("jobs"), body, headers=key)
        log = endpoint.log

    assert first["id"] == second["id"] == again["id"]
    assert again["status"] == "completed"
    assert (other.value.status, other.value.type) == (409, "/problems/idempotency_key_reused")
    assert "new key" in other.value.detail
    assert sum(jobs.paid(log).values()) == 4


def test_a_small_job_behind_a_big_one_ends_long_before_it(
    service: Up, slow: LocalEndpoint, model: str
) -> None:
    client = service.client
    big = jobs.submit(client, model=model, batch_size=1)
    jobs.reached(client, big, 0.02)

    small = jobs.ended(client, jobs.submit(client, model=model, batch_size=1, sample_limit=5))
    meanwhile = jobs.now(client, big)
    client.post(path("jobs", big["id"], "cancel"))

    assert (small["status"], meanwhile["status"]) == ("completed", "running")
    assert meanwhile["progress"]["pending"] > 140 / 2


def test_a_more_urgent_job_goes_first(service: Up, slow: LocalEndpoint, model: str) -> None:
    client = service.client
    big = jobs.submit(client, model=model, batch_size=1)
    jobs.reached(client, big, 0.02)

    urgent = jobs.submit(client, model=model, batch_size=1, sample_limit=40, priority=5)
    urgent = jobs.ended(client, urgent)
    meanwhile = jobs.now(client, big)["progress"]
    client.post(path("jobs", big["id"], "cancel"))

    assert urgent["status"] == "completed"
    # Leased ahead when the urgent one came; nothing of the big one was leased since.
    assert meanwhile["answered"] < 140 / 2


def _last_served(endpoint: LocalEndpoint) -> float:
    """Return when the endpoint last took a request, in seconds since the epoch."""
    return max(entry.at for entry in endpoint.log)


def _under_way(service: Up, job: Json) -> list[Json]:
    """Return the attempts of a job that have not ended."""
    attempts = jobs.rows(service.client, job, "attempts")
    return [attempt for attempt in attempts if attempt["result"] == "sent"]


def _states(service: Up, job: Json) -> set[str]:
    """Return the states that a job's requests stand in."""
    return {request["state"] for request in jobs.rows(service.client, job, "requests")}


def _server_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
