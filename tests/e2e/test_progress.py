"""Jobs that do not move say why, and stop saying so when they move again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from gerbench.client import Client, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.conftest import MakeDatabase
from tests.e2e import jobs
from tests.e2e.cluster import KEY, Broker
from tests.e2e.processes import Up, eventually, finished, running, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PATIENCE = {"GERBENCH_STALL_S": "1"}
DAY_S = 86_400.0
A_DAY = 20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("progress") / "data", environment=PATIENCE) as service:
        jobs.import_folder(service.client, faces)
        yield service


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of this test's own: no other test's clock ticks in it."""
    broker = Broker(tmp_path)
    yield broker.url
    broker.stop()


def stalled(client: Client, job: Json, code: str, seconds: float = 60) -> Json:
    """Return a job once it says that it does not move, for this reason."""

    def says() -> Json | None:
        found = jobs.now(client, job)
        return found if (found["stalled"] or {}).get("code") == code else None

    return eventually(says, seconds, lambda: jobs.now(client, job)["stalled"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_provider_that_is_down_is_told_of_until_it_is_back(service: Up) -> None:
    client = service.client
    with LocalEndpoint() as endpoint:
        address, port = endpoint.base_url, int(endpoint.base_url.split(":")[2].split("/")[0])
    jobs.name_model(client, address, "down")

    before = datetime.now(UTC)
    job = stalled(client, jobs.submit(client, model="down", batch_size=70), "provider_down")
    ready = client.get("/ready")
    with LocalEndpoint(EndpointOptions(port=port)):
        ended = jobs.ended(client, job)

    assert before <= moment(job["stalled"]["since"])
    assert "the provider is down since" in job["reason"] == job["stalled"]["detail"]
    assert job["runs"][0]["reason"] == job["reason"]
    assert (job["status"], job["eta"]) == ("running", None)
    assert (ready["status"], ready["stalled_jobs"]) == ("degraded", {"provider_down": 1})
    assert (ended["status"], ended["reason"], ended["stalled"]) == ("completed", None, None)
    assert client.get("/ready")["status"] == "ready"


def test_a_daily_limit_that_is_used_up_is_told_of_with_the_days_it_takes(service: Up) -> None:
    client = service.client
    with LocalEndpoint(EndpointOptions(rpd=A_DAY, limit_headers=False)) as endpoint:
        limits = {"rpd": A_DAY, "rpm": 6000}
        jobs.name_model(client, endpoint.base_url, "daily", limits=limits)
        began = datetime.now(UTC)
        job = jobs.submit(client, model="daily", batch_size=1, sample_limit=3 * A_DAY)
        job = stalled(client, job, "limit")
        told, calls = datetime.now(UTC), len(endpoint.log)
    # Its provider grants more, and the model is told so.
    with LocalEndpoint() as endpoint:
        more = {"base_url": endpoint.base_url, "limits": {"rpd": None}}
        client.patch(path("models", "daily"), more)
        ended = jobs.ended(client, job)

    assert calls == job["progress"]["answered"] == A_DAY
    assert "requests per day until" in job["reason"]
    until, day = moment(job["stalled"]["until"]), timedelta(seconds=DAY_S)
    assert began + day <= until <= told + day + timedelta(minutes=7)
    # 40 are left: 20 at the first reset, 20 a day later.
    assert until + day <= moment(job["eta"]) <= until + day + timedelta(minutes=7)
    assert job["eta_seconds"] == pytest.approx((moment(job["eta"]) - told).total_seconds(), abs=60)
    assert (ended["status"], ended["progress"]["answered"]) == ("completed", 3 * A_DAY)
    assert (ended["reason"], ended["stalled"]) == (None, None)


def test_a_quota_that_is_exhausted_is_told_of_in_the_providers_words(service: Up) -> None:
    client = service.client
    with LocalEndpoint(EndpointOptions(quota=3)) as endpoint:
        jobs.name_model(client, endpoint.base_url, "quota", limits={"concurrency": 1})
        job = jobs.submit(client, model="quota", batch_size=1, sample_limit=10)
        job = stalled(client, job, "exhausted")
        client.post(path("jobs", job["id"], "cancel"))

    assert "anonymous is exhausted until" in job["reason"]
    assert "quota" in job["reason"]
    assert moment(job["stalled"]["until"]) > datetime.now(UTC) + timedelta(minutes=30)
    assert moment(job["eta"]) > moment(job["stalled"]["until"])


def test_without_a_worker_a_job_says_so_until_one_is_started(
    tmp_path: Path, make_postgres: MakeDatabase, broker_url: str, faces: Path
) -> None:
    (tmp_path / "media").mkdir()
    environment = {
        **PATIENCE,
        "GERBENCH_DATABASE_URL": make_postgres(),
        "GERBENCH_BROKER_URL": broker_url,
        "GERBENCH_DATA": str(tmp_path / "data"),
        "GERBENCH_MEDIA_URL": (tmp_path / "media").as_uri(),
        "GERBENCH_ADMIN_KEY": KEY,
    }
    finished("db", "upgrade", log=tmp_path / "migrate.log", environment=environment)
    api = up(tmp_path / "data", "--no-worker", key=KEY, environment=environment)
    beat = running("beat", log=tmp_path / "beat.log", environment=environment)
    worker = running("worker", log=tmp_path / "worker.log", environment=environment)
    with api as service, LocalEndpoint() as endpoint:
        client = service.client
        jobs.import_folder(client, faces)
        jobs.name_model(client, endpoint.base_url, "nobody")
        job = stalled(client, jobs.submit(client, model="nobody"), "no_worker")
        alone = client.get("/ready")
        # The submission's own wake-up, still in the queue, would do once what the clock is for.
        with Redis.from_url(broker_url) as broker:
            broker.flushdb()
        with worker as process:
            clockless = stalled(client, job, "no_tick")
            with beat:
                ended = jobs.ended(client, job)
            together = client.get("/ready")
            process.terminate()
        stopped = client.get("/ready")

    assert job["reason"] == "no worker was ever alive; start one with `gerbench worker`"
    assert (alone["status"], alone["workers"]) == ("degraded", 0)
    assert alone["stalled_jobs"] == {"no_worker": 1}
    assert "gerbench beat" in clockless["reason"]
    assert (ended["status"], ended["stalled"]) == ("completed", None)
    assert (together["status"], together["workers"]) == ("ready", 1)
    assert (stopped["status"], stopped["workers"]) == ("degraded", 0)
