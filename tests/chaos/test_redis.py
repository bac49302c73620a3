"""Redis restarted, emptied and unreachable: the database is the queue, and nothing is lost."""

import pytest

from gerbench.client import Json
from gerbench.endpoint import LocalEndpoint
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import LIMITS, SAMPLES, SLOW, begun
from tests.chaos.outages import PATIENCE_S
from tests.e2e import jobs
from tests.e2e.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def ended(cluster: Cluster, endpoint: LocalEndpoint, job: Json) -> None:
    """Check that a job ends with every answer, each paid for once."""
    job = jobs.ended(cluster.client, job, PATIENCE_S)
    job = check(cluster.client, job, cluster.database, endpoint.log)
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert jobs.billed_twice(endpoint.log) == set()


def test_a_broker_that_restarts_empty_loses_nothing(cluster: Cluster) -> None:
    with cluster.workers(1) as (worker,), LocalEndpoint(SLOW) as endpoint:
        job = begun(cluster.client, endpoint, "brokerless")
        cluster.broker.stop()
        worker.says("Cannot connect to redis")
        cluster.broker.start_again()
        ended(cluster, endpoint, job)


def test_a_broker_that_forgets_everything_in_mid_run_loses_nothing(cluster: Cluster) -> None:
    with cluster.workers(2), LocalEndpoint(SLOW) as endpoint:
        job = begun(cluster.client, endpoint, "flushed")
        cluster.broker.flush()
        jobs.reached(cluster.client, job, 0.6)
        cluster.broker.flush()
        ended(cluster, endpoint, job)


def test_a_job_is_accepted_while_the_broker_is_unreachable_and_done_once_it_is_back(
    cluster: Cluster,
) -> None:
    with cluster.workers(1) as (worker,), LocalEndpoint(SLOW) as endpoint:
        cluster.broker.stop()
        worker.says("Cannot connect to redis")
        jobs.name_model(cluster.client, endpoint.base_url, "unreachable", limits=LIMITS)
        job = jobs.submit(cluster.client, model="unreachable", batch_size=1)
        accepted = jobs.now(cluster.client, job)
        cluster.broker.start_again()
        ended(cluster, endpoint, job)

    assert accepted["status"] == "queued"
