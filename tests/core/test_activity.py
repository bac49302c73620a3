"""What a job is doing: known attempts and requests, known figures."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from core import activity
from core.db import Database
from core.errors import NotFound
from core.rules.states import RequestState
from core.tables import Attempt, Job, Request, Run
from core.vocabulary import Cause, Result
from tests import rows
from tests.rows import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def job(database: Database) -> Job:
    """A job of one run whose model has two credentials."""
    credentials = [{"env": "ONE"}, {"env": "TWO"}]
    with database.write.begin() as session:
        model = rows.model(session, limits={"rpm": 30}, credentials=credentials)
        return rows.job(session, rows.dataset(session, 8), model, rows.template(session))


def run_of(database: Database, job: Job) -> Run:
    with database.read() as session:
        return session.query(Run).filter_by(job_id=job.id).one()


def request(run: Run, number: int, parent: int | None = None, **more: Any) -> Request:
    done = {"state": RequestState.DONE, "finished_at": NOW}
    common = {"run_id": run.id, "sample_ids": [number], "not_before": NOW, **done}
    return Request(id=number, parent_id=parent, **{**common, **more})


def attempt(run: Run, number: int, sent_at: object, result: Result = Result.ANSWERED) -> Attempt:
    return Attempt(
        request_id=1,
        run_id=run.id,
        number=number,
        credential="env:ONE",
        result=result,
        sent_at=sent_at,
        finished_at=NOW,
        sent={},
        sent_sha256="0" * 64,
    )


def test_calls_are_counted_by_the_minute_they_were_sent_in(database: Database, job: Job) -> None:
    run = run_of(database, job)
    sent = [
        (NOW - 29 * MINUTE, Result.ANSWERED),
        (NOW - 29 * MINUTE - timedelta(microseconds=1), Result.ANSWERED),
        (NOW - timedelta(microseconds=1), Result.RATE_LIMITED),
        (NOW, Result.ANSWERED),
        (NOW + timedelta(seconds=59), Result.RATE_LIMITED),
    ]
    with database.write.begin() as session:
        session.add(request(run, 1))
        session.flush()
        session.add_all(attempt(run, n + 1, *each) for n, each in enumerate(sent))

    with database.read() as session:
        doing = activity.of_job(session, job.id, now=NOW + timedelta(seconds=59))

    assert len(doing.minutes) == 30
    assert (doing.minutes[0].at, doing.minutes[-1].at) == (NOW - 29 * MINUTE, NOW)
    seen = {(m.at, m.requests, m.throttled) for m in doing.minutes if m.requests}
    assert seen == {(NOW - 29 * MINUTE, 1, 0), (NOW - MINUTE, 1, 1), (NOW, 2, 1)}


def test_a_limit_is_that_of_all_credentials_together(database: Database, job: Job) -> None:
    with database.read() as session:
        limits = activity.of_job(session, job.id, now=NOW).limits

    assert [(each.model, each.rpm) for each in limits] == [("local", 60)]


def test_faults_are_told_in_the_words_of_the_provider_the_most_frequent_first(
    database: Database, job: Job
) -> None:
    run = run_of(database, job)
    words = ["busy", "no", "busy", None]
    with database.write.begin() as session:
        session.add_all(request(run, n + 1, reason=each) for n, each in enumerate(words))

    with database.read() as session:
        doing = activity.of_job(session, job.id, now=NOW)

    assert [(each.reason, each.requests) for each in doing.faults] == [("busy", 2), ("no", 1)]


def test_splits_come_with_all_that_is_above_them(
    database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(database, job)
    above: Any = {"state": RequestState.SPLIT}
    with database.write.begin() as session:
        session.add_all([request(run, 1, **above), request(run, 2)])
        session.flush()
        session.add(request(run, 3, parent=1, cause=Cause.REFUSAL, **above))
        session.flush()
        session.add(request(run, 4, parent=3, cause=Cause.LENGTH))
        session.add(request(run, 5, parent=3, cause=Cause.LENGTH))

    monkeypatch.setattr(activity, "MOST_SPLITS", 1)
    with database.read() as session:
        found = activity.splits(session, job.id)
        causes = activity.of_job(session, job.id, now=NOW).causes

    assert [(each.id, each.parent_id) for each in found] == [(1, None), (3, 1), (5, 3)]
    assert causes == {Cause.PLANNED: 2, Cause.REFUSAL: 1, Cause.LENGTH: 2}


def test_there_is_no_activity_of_a_job_that_does_not_exist(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFound):
        activity.of_job(session, uuid4(), now=NOW)
