"""Five hundred jobs submitted at once: each is accepted, and each is done once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

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

        def completed() -> list[Json]:
            return [
                job
                for job in client.items(path("jobs"), status="completed")
                if job["id"] in submitted
            ]

        ended = eventually(lambda: found if len(found := completed()) == count else None, 240)
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
