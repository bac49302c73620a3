"""Live streams, over real connections, on both databases."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import event, select, update

from core import jobs
from core.db import Database, utc_now
from core.rules.states import Status
from core.settings import Settings
from core.tables import Dataset, Job, Model, Run, Template
from core.vocabulary import Result
from tests import rows
from tests.api.apps import app_of
from tests.serving import served

KEY = "a-key-that-watches"
LONG = 30.0

Json = dict[str, Any]


@dataclass
class Told:
    """One event as a client reads it."""

    name: str = ""
    id: str = ""
    data: Any = None


@dataclass
class Stream:
    """A stream as a client reads it."""

    response: httpx.Response
    lines: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.response.iter_lines()

    def next(self) -> Told:
        """The next event; StopIteration when the stream has ended."""
        told = Told()
        for line in self.lines:
            name, _, value = line.partition(": ")
            if name == "event":
                told.name = value
            elif name == "id":
                told.id = value
            elif name == "data":
                told.data = json.loads(value)
            elif not line and told.name:
                return told
        raise StopIteration

    def until(self, wanted: Callable[[Told], bool]) -> Told:
        while not wanted(told := self.next()):
            pass
        return told

    def rest(self) -> list[Told]:
        found = []
        while True:
            try:
                found.append(self.next())
            except StopIteration:
                return found


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path,
        database_url=SecretStr(database_url),
        broker_url=None,
        media_url="memory://",
        admin_key=SecretStr(KEY),
    )


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return app_of(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with served(app) as url, httpx.Client(base_url=url, headers=headers, timeout=LONG) as client:
        yield client


@pytest.fixture
def job(database: Database) -> Job:
    """A running job of two runs over four samples."""
    with database.write.begin() as session:
        data, by, asking = rows.dataset(session, 4), rows.model(session), rows.template(session)
        made = rows.job(session, data, by, asking, runs=2)
        for run in session.scalars(select(Run)):
            run.status = Status.RUNNING
        jobs.follow(session, made.id, now=rows.NOW)
    return made


@contextmanager
def opened(client: httpx.Client, path: str, last: str | None = None) -> Iterator[Stream]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(response)


def answer(database: Database, job: Job, position: int, answered: int) -> UUID:
    with database.write.begin() as session:
        return session.scalars(
            update(Run)
            .where(Run.job_id == job.id, Run.position == position)
            .values(answered=answered, attempts=answered, cost_nano=answered * 1000)
            .returning(Run.id)
        ).one()


def another(database: Database) -> Job:
    """A second job, of what the first one is of."""
    with database.write.begin() as session:
        data, by = session.scalars(select(Dataset)).one(), session.scalars(select(Model)).one()
        asking = session.scalars(select(Template).where(Template.name == "plain")).one()
        return rows.job(session, data, by, asking, created_at=rows.LATER)


def end(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        jobs.cancel(session, job.id, now=utc_now())


def shows(answered: int, told: Told) -> bool:
    return bool(told.data["progress"]["answered"] == answered)


def has_speed(told: Told) -> bool:
    return told.data["speed"] is not None


def line(told: Told, job: Job) -> Json:
    """What a list says of a job; nothing if it is not in it."""
    return next((each for each in told.data["items"] if each["id"] == str(job.id)), {})


def events_of(job: Job) -> str:
    return f"/v1/jobs/{job.id}/events"


def test_the_first_event_is_the_whole_job(
    client: httpx.Client, database: Database, job: Job
) -> None:
    answer(database, job, 1, 3)

    with opened(client, events_of(job)) as stream:
        first = stream.next()

    shown = client.get(f"/v1/jobs/{job.id}").json()
    assert first.name == "job"
    assert first.data["whole"] is True
    assert first.data["speed"] is None
    assert first.data["errors"] == []
    told = {name: first.data[name] for name in shown.keys() - {"quote", "runs", "eta_seconds"}}
    assert told == {name: shown[name] for name in told}
    assert [{**run, "speed": None} for run in shown["runs"]] == first.data["runs"]


def test_only_runs_that_changed_are_told_then(
    client: httpx.Client, database: Database, job: Job
) -> None:
    with opened(client, events_of(job)) as stream:
        settled = stream.until(has_speed)
        changed = answer(database, job, 1, 2)
        told = stream.until(partial(shows, 2))

    assert [run["id"] for run in told.data["runs"]] == [str(changed)]
    assert told.data["whole"] is False
    assert told.data["errors"] is None
    assert told.data["progress"]["answered"] == 2
    assert told.data["runs"][0]["progress"]["answered"] == 2
    assert told.id != settled.id


def test_the_speed_becomes_known(client: httpx.Client, database: Database, job: Job) -> None:
    with opened(client, events_of(job)) as stream:
        stream.next()
        answer(database, job, 0, 4)
        told = stream.until(has_speed)
        stopped = stream.until(lambda told: told.data["speed"]["samples_per_second"] > 0)

    assert told.data["speed"].keys() == {
        "samples_per_second",
        "requests_per_minute",
        "tokens_per_minute",
    }
    assert stopped.data["speed"]["requests_per_minute"] > 0


def test_errors_are_told_in_the_words_of_the_provider(
    client: httpx.Client, database: Database, job: Job
) -> None:
    said = "429 Rate limit reached for gpt-4o\nin organization org-1: try again in 6ms"

    with opened(client, events_of(job)) as stream:
        stream.next()
        with database.write.begin() as session:
            run = session.scalars(select(Run).where(Run.position == 0)).one()
            attempt = rows.attempt(
                session, run, result=Result.RATE_LIMITED, status=429, reason=said
            )
        told = stream.until(lambda told: bool(told.data["errors"]))

    assert told.data["errors"] == [
        {
            "attempt_id": attempt.id,
            "run_id": str(run.id),
            "request_id": attempt.request_id,
            "result": "rate_limited",
            "status": 429,
            "reason": said,
            "finished_at": "2026-01-01T12:00:00Z",
        }
    ]


def test_a_stream_ends_when_its_job_does(
    client: httpx.Client, database: Database, job: Job
) -> None:
    with opened(client, events_of(job)) as stream:
        stream.next()
        end(database, job)
        *_, last, over = stream.rest()

    assert (last.name, last.data["status"]) == ("job", "cancelled")
    assert (over.name, over.data) == ("end", {"id": str(job.id), "status": "cancelled"})


def test_an_ended_job_is_told_whole_and_then_no_more(
    client: httpx.Client, database: Database, job: Job
) -> None:
    end(database, job)

    with opened(client, events_of(job)) as stream:
        told = stream.rest()
    again = client.get(events_of(job), headers={"Last-Event-ID": told[-1].id})

    assert [each.name for each in told] == ["job", "end"]
    assert told[0].data["whole"] is True
    assert again.status_code == 204


def test_who_comes_back_with_the_newest_state_is_told_what_changes_from_there(
    client: httpx.Client, database: Database, job: Job
) -> None:
    with opened(client, events_of(job)) as stream:
        settled = stream.until(has_speed)

    with opened(client, events_of(job), settled.id) as stream:
        changed = answer(database, job, 0, 1)
        told = stream.next()

    assert told.data["whole"] is False
    assert [run["id"] for run in told.data["runs"]] == [str(changed)]


@pytest.mark.parametrize("last", ["0123456789abcdef", "nonsense", ""])
def test_who_comes_back_with_anything_else_is_told_the_whole(
    client: httpx.Client, job: Job, last: str
) -> None:
    with opened(client, events_of(job), last) as stream:
        assert stream.next().data["whole"] is True


def test_another_process_knows_the_ids_of_this_one(
    client: httpx.Client, database: Database, job: Job, settings: Settings
) -> None:
    end(database, job)
    with opened(client, events_of(job)) as stream:
        told = stream.rest()

    with served(app_of(settings)) as url:
        headers = {"Authorization": f"Bearer {KEY}", "Last-Event-ID": told[-1].id}
        there = httpx.get(f"{url}{events_of(job)}", headers=headers, timeout=LONG)

    assert there.status_code == 204


def test_many_who_watch_cost_the_database_as_much_as_one(
    client: httpx.Client, app: FastAPI, database: Database, job: Job
) -> None:
    looks: list[str] = []
    engine = app.state.database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: looks.append(given[2]))

    with ExitStack() as stack:
        streams = [stack.enter_context(opened(client, events_of(job))) for _ in range(50)]
        for stream in streams:
            stream.next()
        threads = threading.active_count()
        before = len(looks)
        for answered in range(1, 5):
            answer(database, job, 0, answered)
            for stream in streams:
                stream.until(partial(shows, answered))

    # Each of fifty was told four states: with looks of their own these were two hundred at least.
    assert sum("attempts.reason IS NOT NULL" in look for look in looks[before:]) < 100
    assert threads < 60


def test_a_stream_lasts_no_longer_than_it_may(
    settings: Settings, database: Database, job: Job
) -> None:
    short = app_of(settings.model_copy(update={"stream_s": 0.2}))
    headers = {"Authorization": f"Bearer {KEY}"}

    with (
        served(short) as url,
        httpx.Client(base_url=url, headers=headers, timeout=LONG) as client,
        opened(client, events_of(job)) as stream,
    ):
        told = stream.rest()

    assert told[0].data["whole"] is True
    assert "end" not in {each.name for each in told}


def test_a_stream_ends_when_its_key_is_revoked(
    client: httpx.Client, database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.feeds.HEARTBEAT_S", 0.05)
    made = client.post("/v1/keys", json={"name": "leaver", "role": "viewer"}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}

    with (
        httpx.Client(base_url=client.base_url, headers=headers, timeout=LONG) as leaver,
        opened(leaver, events_of(job)) as stream,
    ):
        assert stream.next().data["whole"] is True
        assert client.delete(f"/v1/keys/{made['id']}").status_code == 204
        answer(database, job, 0, 1)

        assert stream.rest() == []


def test_a_client_is_told_when_to_come_back_and_to_keep_nothing(
    client: httpx.Client, job: Job
) -> None:
    with opened(client, events_of(job)) as stream:
        assert next(stream.lines) == "retry: 2000"
        assert stream.response.headers["Cache-Control"] == "no-store"


def test_silence_is_filled_with_comments(
    client: httpx.Client, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.feeds.HEARTBEAT_S", 0.05)

    with opened(client, events_of(job)) as stream:
        assert ": still here" in stream.lines


def test_a_stopping_service_lets_go_of_who_watches(
    app: FastAPI, database: Database, job: Job
) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    with ExitStack() as stack:
        with served(app) as url:
            client = stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=LONG))
            streams = [
                stack.enter_context(opened(client, path)) for path in (events_of(job), "/v1/events")
            ]
            for stream in streams:
                stream.next()

        # Each stream has ended as HTTP says it has: nothing was cut off.
        assert [stream.rest()[-1:] and stream.rest() for stream in streams] == [[], []]


def test_a_job_that_is_not_there_is_a_problem(client: httpx.Client) -> None:
    answer = client.get(f"/v1/jobs/{uuid4()}/events")

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not_found"


def test_all_jobs_under_way_are_followed(
    client: httpx.Client, database: Database, job: Job
) -> None:
    with opened(client, "/v1/events") as stream:
        first = stream.next()
        answer(database, job, 0, 1)
        changed = stream.until(lambda told: line(told, job)["progress"]["answered"] == 1)
        later = another(database)
        added = stream.until(lambda told: bool(line(told, later)))
        end(database, job)
        ended = stream.until(lambda told: line(told, job).get("status") == "cancelled")

    with opened(client, "/v1/events", ended.id) as stream:
        end(database, later)
        stream.until(lambda told: line(told, later).get("status") == "cancelled")

    with opened(client, "/v1/events") as stream:
        none = stream.until(lambda told: bool(told.data["whole"]))
    assert (first.name, first.data["whole"]) == ("jobs", True)
    assert [each["id"] for each in first.data["items"]] == [str(job.id)]
    assert [each.data["whole"] for each in (changed, added, ended)] == [False, False, False]
    assert line(added, later)["status"] == "queued"
    assert none.data == {"whole": True, "items": []}
