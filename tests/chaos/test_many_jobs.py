"""Five hundred jobs submitted at once: each is accepted, and each is done once."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import func, select

from core.rules.states import Status
from core.tables import Job
from gerbench.client import Json, path
from gerbench.endpoint import LocalEndpoint
from tests.chaos.invariants import check_all
from tests.e2e import jobs
from tests.e2e.cluster import Cluster
from tests.e2e.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_five_hundred_jobs_at_once_are_all_done(cluster: Cluster) -> None:
    count, client = 500, cluster.client
    with cluster.workers(2), LocalEndpoint() as endpoint:
        jobs.name_model(client, endpoint.base_url, "many", limits={"concurrency": 32})
        submitted = {job["id"] for job in _submit_at_once(cluster, count)}
        eventually(lambda: _completed(cluster, submitted) == count, 240)
        listed = client.items(path("jobs"), status="completed")
        ended = [job for job in listed if job["id"] in submitted]
        log = endpoint.log

    check_all(ended, cluster.database, log)
    assert len(submitted) == count
    assert len(log) == count
    assert sum(jobs.paid(log).values()) == count


def _submit_at_once(cluster: Cluster, count: int) -> list[Json]:
    """Submit jobs of one sample each, from as many threads as the API has."""

    def submit(number: int) -> Json:
        return jobs.submit(cluster.client, model="many", sample_limit=1, seed=number)

    with ThreadPoolExecutor(40) as pool:
        return list(pool.map(submit, range(count)))


def _completed(cluster: Cluster, submitted: Collection[str]) -> int:
    """Count them without the API, which has enough to do."""
    ids = map(UUID, submitted)
    query = select(func.count()).where(Job.id.in_(ids), Job.status == Status.COMPLETED)
    with cluster.database.read() as session:
        return session.scalars(query).one()
