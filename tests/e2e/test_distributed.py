"""Distributed mode: API, two workers and the clock as processes on real PostgreSQL and Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gerbench.client import Client, Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.conftest import MakeDatabase
from tests.e2e import jobs
from tests.e2e.cluster import Cluster, cluster_of
from tests.e2e.processes import eventually, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CALLS = 8
LIMITS = {"concurrency": CALLS}
SLOW = EndpointOptions(latency_ms=250, concurrency=CALLS)
"""Turns away what is more than the workers may have under way together."""


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
    make_postgres: MakeDatabase,
    faces: Path,
) -> Iterator[Cluster]:
    with cluster_of(tmp_path_factory.mktemp("cluster"), make_postgres()) as cluster:
        jobs.import_folder(cluster.client, faces)
        yield cluster


def test_embedded_and_distributed_give_identical_predictions(
    cluster: Cluster, tmp_path: Path, faces: Path
) -> None:
    with up(tmp_path / "data") as service, LocalEndpoint() as endpoint:
        jobs.import_folder(service.client, faces)
        alone = _run(service.client, endpoint, "embedded")
    with cluster.workers(2) as workers, LocalEndpoint(SLOW) as endpoint:
        job = _submit(cluster.client, endpoint, "distributed")
        eventually(lambda: cluster.owners() == {worker.pid for worker in workers}, 30)
        job = jobs.ended(cluster.client, job)
        together = jobs.rows(cluster.client, job, "predictions")
        log = endpoint.log

    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    assert jobs.said(together) == jobs.said(alone)
    assert len(together) == len(alone) == 140
    assert set(jobs.paid(log).values()) == {1}
    assert len(jobs.paid(log)) == 140
    assert {entry.result for entry in log} == {"answered"}


def test_what_is_submitted_is_taken_up_without_waiting_for_a_tick(cluster: Cluster) -> None:
    with cluster.workers(1), LocalEndpoint() as endpoint:
        cluster.clock.kill()
        job = _submit(cluster.client, endpoint, "unticked")
        eventually(lambda: len(endpoint.log) > 0, 30)
        cluster.start_clock()
        job = jobs.ended(cluster.client, job)

    assert job["progress"]["answered"] == 140


def test_a_batch_goes_on_with_another_worker_when_its_own_is_killed(cluster: Cluster) -> None:
    client = cluster.client
    with (
        cluster.workers(2) as (killed, other),
        LocalEndpoint(EndpointOptions(batch_seconds=6)) as endpoint,
    ):
        jobs.name_model(client, endpoint.base_url, "batched")
        job = jobs.submit(client, model="batched", batch_size=10, dispatch="batch")
        eventually(lambda: any(b["completed"] for b in jobs.now(client, job)["batches"]), 60)
        killed.kill()
        # It may have died in the middle of a look, whose hold nobody waits out here.
        cluster.free_batches()
        job = jobs.ended(client, job, seconds=90)
        attempts = jobs.rows(client, job, "attempts")
        code, _ = other.terminate()
        log = endpoint.log

    assert (code, job["status"], job["progress"]["answered"]) == (0, "completed", 140)
    assert set(jobs.paid(log).values()) == {1}
    # The canary went alone, ahead of the batch.
    assert len({entry.batch for entry in log} - {None}) == 1
    assert jobs.counts(attempts, "result") == {"answered": 14}
    assert job["progress"]["unknown_attempts"] == 0


def _submit(client: Client, endpoint: LocalEndpoint, model: str) -> Json:
    """Submit a job whose calls are many and small."""
    jobs.name_model(client, endpoint.base_url, model, limits=LIMITS)
    return jobs.submit(client, model=model, batch_size=1)


def _run(client: Client, endpoint: LocalEndpoint, model: str) -> list[Json]:
    """Run that job, and return what it predicts."""
    job = jobs.ended(client, _submit(client, endpoint, model))
    return jobs.rows(client, job, "predictions")
