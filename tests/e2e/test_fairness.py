"""A small job behind a big one on the same slow model, and what may go before it."""

import io
import json
from collections.abc import Iterator
from datetime import datetime
from zipfile import ZipFile

import pytest

from gerbench.client import Client, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Up, up
from worker.flow import MOST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TEXTS = 3000
SMALL = 24
CALLS = 8
SLOW = EndpointOptions(latency_ms=250)
LABELS = ("positive", "neutral", "negative")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("fairness") / "data") as service:
        import_texts(service.client)
        yield service


def import_texts(client: Client) -> None:
    """Import a few thousand posts."""
    spec = {
        "name": "posts",
        "task": "tweet_sentiment",
        "modality": "text",
        "labels": LABELS,
    }
    lines = [f"p{n},{LABELS[n % 3]},what a day number {n} was" for n in range(TEXTS)]
    archive = io.BytesIO()
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("label.csv", "\n".join(["name,gt,text", *lines]))
    archive.seek(0)
    client.upload(path("datasets"), {"spec": json.dumps(spec)}, "archive", archive)


def sent(client: Client, job: Json) -> list[datetime]:
    """Return when each call of a job left."""
    return [datetime.fromisoformat(a["sent_at"]) for a in jobs.rows(client, job, "attempts")]


@pytest.mark.parametrize("priority", [0, 5])
def test_a_small_job_behind_thousands_of_samples_starts_at_once_and_ends_long_before(
    service: Up, priority: int
) -> None:
    client, model = service.client, f"slow{priority}"
    with LocalEndpoint(SLOW) as endpoint:
        jobs.name_model(client, endpoint.base_url, model, limits={"concurrency": CALLS})
        big = jobs.submit(client, "posts", model, batch_size=1)
        jobs.reached(client, big, 0.01)

        small = jobs.submit(
            client, "posts", model, batch_size=1, sample_limit=SMALL, priority=priority
        )
        small = jobs.ended(client, small)
        meanwhile = jobs.now(client, big)
        client.post(path("jobs", big["id"], "cancel"))
        own, others = sent(client, small), sent(client, big)

    assert small["status"] == "completed"
    assert meanwhile["status"] == "running"
    assert meanwhile["progress"]["pending"] > TEXTS / 2
    # What had been leased when it came goes first, and nothing else.
    submitted = datetime.fromisoformat(small["created_at"])
    before = [at for at in others if submitted <= at < min(own)]
    assert len(before) <= MOST
    between = [at for at in others if min(own) <= at <= max(own)]
    # The same again when its first call, which goes alone, is back; then they take turns.
    shared = SMALL if priority == 0 else 0
    assert len(between) <= shared + MOST + CALLS


def test_as_many_small_jobs_as_there_are_slots_share_them_with_the_big_one(service: Up) -> None:
    client = service.client
    with LocalEndpoint(SLOW) as endpoint:
        jobs.name_model(client, endpoint.base_url, "shared", limits={"concurrency": CALLS})
        big = jobs.submit(client, "posts", "shared", batch_size=1)
        jobs.reached(client, big, 0.01)

        body = {"batch_size": 1, "sample_limit": SMALL}
        several = [jobs.submit(client, "posts", "shared", **body) for _ in range(CALLS)]
        ended = [jobs.ended(client, job) for job in several]
        meanwhile = jobs.now(client, big)["progress"]
        client.post(path("jobs", big["id"], "cancel"))
        first = {job["id"]: min(sent(client, job)) for job in ended}
        last = {job["id"]: max(sent(client, job)) for job in ended}

    assert {job["status"] for job in ended} == {"completed"}
    # They are served side by side: none waits for another to end.
    assert max(first.values()) < min(last.values())
    assert meanwhile["pending"] > TEXTS / 2
