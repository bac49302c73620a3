"""kill -9, and SIGTERM, of every process there is, in the middle of a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gerbench.client import path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import CALLS, SAMPLES, SLOW, begun, due, leased, rows_of
from tests.e2e import jobs
from tests.e2e.cluster import KEY, Cluster
from tests.e2e.processes import eventually, running, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_service_that_is_killed_twice_goes_on_and_pays_twice_only_for_what_was_in_flight(
    tmp_path: Path, few: Path
) -> None:
    data = tmp_path / "data"
    with LocalEndpoint(SLOW) as endpoint:
        with up(data) as service:
            jobs.import_folder(service.client, few)
            job = begun(service.client, endpoint, "local")
            service.process.kill()
        with up(data) as service:
            jobs.reached(service.client, job, 0.5)
            service.process.kill()
        with up(data) as service, rows_of(service) as database:
            job = jobs.ended(service.client, job)
            job = check(service.client, job, database, endpoint.log, in_flight=2 * CALLS)
            attempts = jobs.rows(service.client, job, "attempts")

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    unknown = [a for a in attempts if a["result"] == "unknown"]
    assert len(unknown) >= 2
    assert all(a["finished_at"] and "died" in a["reason"] for a in unknown)


def test_a_service_stopped_in_mid_run_lets_calls_end_and_pays_for_nothing_twice(
    tmp_path: Path, few: Path
) -> None:
    data = tmp_path / "data"
    with LocalEndpoint(SLOW) as endpoint:
        with up(data) as service:
            jobs.import_folder(service.client, few)
            job = begun(service.client, endpoint, "local", batch_size=2)
            code, seconds = service.process.terminate()
        with up(data) as service, rows_of(service) as database:
            job = jobs.ended(service.client, job)
            job = check(service.client, job, database, endpoint.log)

    assert (code, seconds < 5) == (0, True)
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert jobs.billed_twice(endpoint.log) == set()


def test_a_stop_amid_commits_loses_none_of_them(tmp_path: Path, few: Path) -> None:
    data = tmp_path / "data"
    fast = EndpointOptions(latency_ms=5)
    with LocalEndpoint(fast) as endpoint:
        with up(data) as service:
            jobs.import_folder(service.client, few)
            jobs.name_model(service.client, endpoint.base_url, limits={"concurrency": 32})
            job = jobs.submit(service.client, batch_size=1, repeats=40)
            # Replies come faster than groups of them are committed: some commit is under way.
            eventually(lambda: len(endpoint.log) > SAMPLES, 30)
            code, seconds = service.process.terminate()
            stopped_at = len(endpoint.log)
        with up(data) as service, rows_of(service) as database:
            job = jobs.ended(service.client, job)
            job = check(service.client, job, database, endpoint.log)

    assert (code, seconds < 5) == (0, True)
    assert stopped_at < 40 * SAMPLES
    assert job["progress"]["answered"] == len(endpoint.log) == 40 * SAMPLES


def test_a_stop_cuts_off_calls_that_do_not_end_and_counts_them_as_unknown(
    tmp_path: Path, few: Path
) -> None:
    data = tmp_path / "data"
    hanging = EndpointOptions(fail_share=1, fail_kind="hang")
    with LocalEndpoint(hanging) as stuck, LocalEndpoint(SLOW) as endpoint:
        with up(data) as service:
            jobs.import_folder(service.client, few)
            # The first call of a job goes alone, so some have to be answered first.
            job = begun(service.client, endpoint, "local")
            service.client.post(path("jobs", job["id"], "pause"))
            eventually(lambda: not leased(service.client, job), 30)
            service.client.patch(path("models", "local"), {"base_url": stuck.base_url})
            service.client.post(path("jobs", job["id"], "resume"))
            eventually(lambda: len(stuck.log) == CALLS, 30)
            service.client.patch(path("models", "local"), {"base_url": endpoint.base_url})
            code, seconds = service.process.terminate()
            said = service.process.output
        with up(data) as service, rows_of(service) as database:
            job = jobs.ended(service.client, job)
            log = stuck.log + endpoint.log
            job = check(service.client, job, database, log, in_flight=CALLS)
            attempts = jobs.rows(service.client, job, "attempts")

    assert (code, seconds < 5) == (0, True)
    assert "Error" not in said
    assert "Traceback" not in said
    assert jobs.counts(attempts, "result") == {"unknown": CALLS, "answered": SAMPLES}


def test_a_worker_takes_over_from_one_that_was_killed(cluster: Cluster) -> None:
    client = cluster.client
    with cluster.workers(2) as (killed, other), LocalEndpoint(SLOW) as endpoint:
        job = begun(client, endpoint, "takeover")
        eventually(lambda: killed.pid in cluster.owners(), 30)
        killed.kill()
        cluster.broker.forget_limits()

        # Everything else is done before the leases of the dead worker end. What is due is looked
        # at first: the other way round it may be taken between the two looks.
        eventually(lambda: not due(client, job) and cluster.owners() == {killed.pid}, 60)
        left = jobs.now(client, job)
        held = cluster.age_leases_of(killed)
        job = jobs.ended(client, job)
        code, seconds = other.terminate()
        job = check(client, job, cluster.database, endpoint.log, in_flight=CALLS)

    assert left["status"] == "running"
    assert left["progress"]["pending"] == held > 0
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert (code, seconds < 5) == (0, True)


def test_when_all_workers_are_killed_the_next_one_ends_the_job(cluster: Cluster) -> None:
    client = cluster.client
    with LocalEndpoint(SLOW) as endpoint:
        with cluster.workers(2) as workers:
            job = begun(client, endpoint, "massacre")
            for worker in workers:
                worker.kill()
        cluster.broker.forget_limits()
        cluster.age_leases_of(*workers)
        with cluster.workers(1):
            job = jobs.ended(client, job)
        job = check(client, job, cluster.database, endpoint.log, in_flight=CALLS)

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)


def test_work_goes_on_without_the_api_and_without_the_clock_until_they_are_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    own = {**cluster.environment, "GERBENCH_DATA": str(tmp_path / "api")}
    with cluster.workers(1), LocalEndpoint(SLOW) as endpoint:
        with up(tmp_path / "api", "--no-worker", key=KEY, environment=own) as second:
            job = begun(second.client, endpoint, "headless")
            second.process.kill()
        cluster.clock.kill()
        reached = len(endpoint.log)
        # A slice that is under way asks no clock.
        eventually(lambda: len(endpoint.log) > reached + CALLS, 30)
        cluster.start_clock()
        job = jobs.ended(cluster.client, job)
        job = check(cluster.client, job, cluster.database, endpoint.log)

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert jobs.billed_twice(endpoint.log) == set()


def test_two_clocks_do_no_harm(cluster: Cluster) -> None:
    with cluster.process("beat"), cluster.workers(2), LocalEndpoint(SLOW) as endpoint:
        job = begun(cluster.client, endpoint, "two-clocks")
        job = jobs.ended(cluster.client, job)
        job = check(cluster.client, job, cluster.database, endpoint.log)

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert len(endpoint.log) == SAMPLES


def test_a_cancel_amid_a_job_lets_nothing_more_out(cluster: Cluster) -> None:
    client = cluster.client
    with cluster.workers(2), LocalEndpoint(SLOW) as endpoint:
        job = begun(client, endpoint, "cancelled")
        client.post(path("jobs", job["id"], "cancel"))
        eventually(lambda: not cluster.owners() and not due(client, job), 30)
        job = check(client, job, cluster.database, endpoint.log)

    assert job["status"] == "cancelled"
    assert 0 < job["progress"]["answered"] < SAMPLES


def test_two_services_on_one_data_folder_are_refused_and_the_first_goes_on(
    tmp_path: Path, few: Path
) -> None:
    data = tmp_path / "data"
    with LocalEndpoint(SLOW) as endpoint, up(data) as service, rows_of(service) as database:
        jobs.import_folder(service.client, few)
        job = begun(service.client, endpoint, "local")
        with up_refused(data) as said:
            assert "another gerbench" in said
            assert str(service.process.pid) in said
        job = jobs.ended(service.client, job)
        job = check(service.client, job, database, endpoint.log)

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)


@contextmanager
def up_refused(data: Path) -> Iterator[str]:
    """Start a second service on a folder, which must fail; give what it says."""
    with running("up", "--port", 0, "--data", data, log=data.with_name("second.log")) as second:
        assert second.wait(30) == 1
        yield second.output
