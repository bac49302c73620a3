"""PostgreSQL restarted and gone for a while: what was paid for waits in the spool."""

import signal
from pathlib import Path

import pytest

from gerbench.client import ApiProblem, Json, path
from gerbench.endpoint import LocalEndpoint
from tests import servers
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import CALLS, SAMPLES, SLOW, begun
from tests.chaos.outages import DATABASE_S, PATIENCE_S, last
from tests.e2e import jobs
from tests.e2e.cluster import Cluster
from tests.e2e.processes import eventually
from worker.spool import Reply, files, waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def ended(cluster: Cluster, endpoint: LocalEndpoint, job: Json, *, in_flight: int = 0) -> None:
    """Check that a job ends with every answer, and that nothing is left in the spool."""
    client = cluster.client
    eventually(lambda: answers(cluster), 30)
    job = jobs.ended(client, job, PATIENCE_S)
    job = check(client, job, cluster.database, endpoint.log, in_flight=in_flight)
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert waiting(spool(cluster)).replies == 0
    assert not list(spool(cluster).glob("*"))


def answers(cluster: Cluster) -> bool:
    """Tell whether the API reaches its database again."""
    try:
        cluster.client.get(path("models"))
    except ApiProblem as problem:
        return problem.type != "/problems/database_away"
    return True


def spool(cluster: Cluster) -> Path:
    return Path(cluster.environment["GERBENCH_DATA"]) / "spool"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["fast", "crash"])
def test_a_database_that_restarts_loses_nothing_and_nothing_is_paid_twice(
    cluster: Cluster, postgres: servers.Postgres, how: signal.Signals
) -> None:
    with cluster.workers(1), LocalEndpoint(SLOW) as endpoint:
        job = begun(cluster.client, endpoint, f"restart-{how.name.lower()}")
        postgres.stop(how)
        postgres.start()
        ended(cluster, endpoint, job)

    assert jobs.billed_twice(endpoint.log) == set()


def test_answers_outlast_a_database_that_is_gone_for_a_while(
    cluster: Cluster, postgres: servers.Postgres
) -> None:
    with cluster.workers(1), LocalEndpoint(SLOW) as endpoint:
        job = begun(cluster.client, endpoint, "gone")
        postgres.stop()
        eventually(lambda: waiting(spool(cluster)).replies > 0, 30)
        with pytest.raises(ApiProblem) as refused:
            cluster.client.get(path("jobs", job["id"]))
        last(DATABASE_S)
        sent, kept = len(endpoint.log), waiting(spool(cluster)).replies
        postgres.start()
        ended(cluster, endpoint, job)

    assert (refused.value.status, refused.value.type) == (503, "/problems/database_away")
    assert 0 < kept <= CALLS
    assert len(endpoint.log) == SAMPLES > sent
    assert jobs.billed_twice(endpoint.log) == set()


def test_answers_outlast_their_worker_and_its_database(
    cluster: Cluster, postgres: servers.Postgres
) -> None:
    with LocalEndpoint(SLOW) as endpoint:
        with cluster.workers(1) as (killed,):
            job = begun(cluster.client, endpoint, "both-gone")
            eventually(lambda: killed.pid in cluster.owners(), 10)
            postgres.stop()
            eventually(lambda: waiting(spool(cluster)).replies > 0, 30)
            killed.kill()
        kept = [
            Reply.read(line)
            for file in files(spool(cluster))
            for line in file.read_bytes().splitlines()
        ]
        postgres.start()
        cluster.broker.forget_limits()
        with cluster.workers(1) as (heir,):
            heir.says("replies of a process that is gone were stored")
            cluster.age_leases_of(killed)
            ended(cluster, endpoint, job, in_flight=CALLS)
        attempts = {a["id"]: a["result"] for a in jobs.rows(cluster.client, job, "attempts")}
        images = jobs.sent_images(cluster.client, job)

    assert kept
    assert {attempts[reply.attempt_id] for reply in kept} == {"answered"}
    saved = {images[sample] for reply in kept for sample in reply.request.sample_ids}
    assert not jobs.billed_twice(endpoint.log) & saved
