"""What live streams are told, on both databases."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import watching
from core.db import Database
from core.rules.states import Status
from core.tables import Attempt, Job, Run
from core.vocabulary import Result
from tests import rows

LOOK: dict[str, Any] = {"patience": timedelta(minutes=1), "now": rows.NOW}


def runs_of(session: Session, job: Job) -> list[Run]:
    return list(session.scalars(select(Run).where(Run.job_id == job.id).order_by(Run.position)))


def attempt(session: Session, run: Run, reason: str | None) -> Attempt:
    result = Result.ANSWERED if reason is None else Result.SERVER_ERROR
    return rows.attempt(session, run, result=result, reason=reason)


def two_runs(session: Session) -> list[Run]:
    data, by, asking = rows.dataset(session, 2), rows.model(session), rows.template(session)
    return runs_of(session, rows.job(session, data, by, asking, runs=2))


def test_the_latest_errors_of_all_runs_come_newest_first(database: Database) -> None:
    with database.write.begin() as session:
        first, second = two_runs(session)
        for number in range(4):
            attempt(session, first, f"first {number}")
            attempt(session, second, None)
            attempt(session, second, f"second {number}")

        found = watching.errors(session, [first.id, second.id], limit=3)

    assert [each.reason for each in found] == ["second 3", "first 3", "second 2"]


def test_who_names_the_last_of_a_full_list_is_told_the_same(database: Database) -> None:
    with database.write.begin() as session:
        first, _ = two_runs(session)
        made = [attempt(session, first, f"error {number}") for number in range(8)]
        before = watching.errors(session, [first.id], limit=3)
        attempt(session, first, "newer")

        told = watching.errors(session, [first.id], floor=before[-1].id, limit=3)
        whole = watching.errors(session, [first.id], limit=3)

    assert [each.id for each in before] == [each.id for each in reversed(made[-3:])]
    assert told == whole
    assert [each.reason for each in told] == ["newer", "error 7", "error 6"]


def test_errors_of_other_jobs_are_not_told(database: Database) -> None:
    with database.write.begin() as session:
        first, second = two_runs(session)
        attempt(session, second, "of another")

        assert watching.errors(session, [first.id]) == []
        assert watching.errors(session, []) == []


def test_jobs_under_way_are_the_latest_that_have_not_ended(database: Database) -> None:
    with database.write.begin() as session:
        data, by, asking = rows.dataset(session, 2), rows.model(session), rows.template(session)
        jobs = [
            rows.job(session, data, by, asking, created_at=rows.NOW + timedelta(seconds=number))
            for number in range(5)
        ]
        jobs[3].status, jobs[3].finished_at = Status.COMPLETED, rows.NOW
        session.flush()

        found = watching.under_way(session, limit=3, **LOOK)
        followed = watching.under_way(session, {jobs[3].id, jobs[4].id}, limit=3, **LOOK)

    assert [detail.job.id for detail in found] == [jobs[4].id, jobs[2].id, jobs[1].id]
    assert [detail.job.id for detail in followed] == [
        jobs[4].id,
        jobs[2].id,
        jobs[1].id,
        jobs[3].id,
    ]
