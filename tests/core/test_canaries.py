"""One call goes ahead: on both databases, and of workers that lease at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select, update

from core import batch_lines, batches, jobs, leases, rescue
from core.canaries import SETTLING
from core.db import Database
from core.leases import Leased
from core.rules.states import RequestState, Status
from core.tables import Model, Request, Run, Template
from core.vocabulary import Dispatch
from tests import rows
from tests.core.conftest import plan
from tests.rows import LATER, NOW

MINUTE = timedelta(minutes=1)


class Waiting:
    """A job of two runs of one model in the queue, whose canary has not passed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.write.begin() as session:
            model = rows.model(session)
            dataset, template = rows.dataset(session, 12), rows.template(session)
            job = rows.job(session, dataset, model, template, runs=2, canary_passed_at=None)
            self.runs = [run.id for run in jobs.runs_of(session, [job.id])]
        self.model_id, self.job_id = model.id, job.id
        for run_id in self.runs:
            plan(database, run_id)

    def lease(self, slots: int = 100, now: datetime = NOW) -> list[Leased]:
        with self.database.write.begin() as session:
            return leases.lease(
                session, self.model_id, owner="me", slots=slots, now=now, lasts=MINUTE
            )

    def passes(self, run_id: UUID) -> None:
        with self.database.write.begin() as session:
            jobs.canary_passed(session, run_id, now=NOW)

    def statuses(self) -> list[tuple[Status, str | None]]:
        with self.database.read() as session:
            found = jobs.runs_of(session, [self.job_id])
            return [(run.status, run.reason) for run in found]

    def put_back(self) -> None:
        with self.database.write.begin() as session:
            rescue.rescue(session, expired_before=None, jitter=0.0, now=NOW)


@pytest.fixture
def waiting(database: Database) -> Waiting:
    return Waiting(database)


def test_one_request_of_all_runs_of_a_job_and_model_goes_first(waiting: Waiting) -> None:
    (canary,) = waiting.lease()

    assert (canary.run_id, canary.canary) == (waiting.runs[0], True)
    assert waiting.lease() == []


def test_the_others_follow_when_it_has_passed(waiting: Waiting) -> None:
    (canary,) = waiting.lease()

    waiting.passes(canary.run_id)

    followed = waiting.lease()
    assert len(followed) == 5
    assert {request.canary for request in followed} == {False}
    with waiting.database.read() as session:
        assert set(session.scalars(select(Run.canary_passed_at))) == {NOW}


def test_a_canary_that_came_back_unheard_is_followed_by_another(waiting: Waiting) -> None:
    (canary,) = waiting.lease()
    waiting.put_back()

    (again,) = waiting.lease(now=LATER)

    assert (again.id, again.canary) == (canary.id, True)


def test_none_follows_one_that_is_just_back_until_what_follows_from_it_is_overdue(
    waiting: Waiting,
) -> None:
    (canary,) = waiting.lease()
    with waiting.database.write.begin() as session:
        request = session.get_one(Request, canary.id)
        request.state, request.finished_at = RequestState.DONE, NOW
        request.lease_owner = request.lease_expires_at = None
        rows.attempt(session, session.get_one(Run, canary.run_id), finished_at=NOW)

    assert waiting.lease(now=NOW + SETTLING / 2) == []
    (another,) = waiting.lease(now=NOW + 2 * SETTLING)
    assert another.canary


def test_any_run_that_waits_may_send_it(waiting: Waiting) -> None:
    with waiting.database.write.begin() as session:
        session.execute(
            update(Request)
            .where(Request.run_id == waiting.runs[0])
            .values(state=RequestState.DONE, finished_at=NOW)
        )

    (canary,) = waiting.lease()

    assert (canary.run_id, canary.canary) == (waiting.runs[1], True)


def test_runs_that_show_something_else_have_a_canary_of_their_own(waiting: Waiting) -> None:
    with waiting.database.write.begin() as session:
        run = session.get_one(Run, waiting.runs[1])
        run.condition = {**run.condition, "modality": "image"}

    canaries = waiting.lease()

    assert {canary.run_id for canary in canaries} == set(waiting.runs)
    assert [canary.canary for canary in canaries] == [True, True]
    waiting.passes(waiting.runs[1])
    assert {request.run_id for request in waiting.lease()} == {waiting.runs[1]}


def test_another_job_on_the_same_model_has_its_own(waiting: Waiting) -> None:
    with waiting.database.write.begin() as session:
        run = session.get_one(Run, waiting.runs[0])
        dataset = rows.dataset(session, 5, name="more")
        other = rows.job(
            session,
            dataset,
            session.get_one(Model, run.model_id),
            session.get_one(Template, run.template_id),
            canary_passed_at=None,
        )
        (other_run,) = jobs.runs_of(session, [other.id])
    plan(waiting.database, other_run.id)

    assert {canary.run_id for canary in waiting.lease()} == {waiting.runs[0], other_run.id}


def test_what_stops_a_run_stops_those_that_wait_for_its_canary(waiting: Waiting) -> None:
    with waiting.database.write.begin() as session:
        jobs.stop(session, waiting.runs[1], "no such model", now=NOW)
        assert jobs.get(session, waiting.job_id).status is Status.PAUSED

    assert waiting.statuses() == [(Status.PAUSED, "no such model")] * 2


def test_once_it_has_passed_each_run_is_stopped_by_itself(waiting: Waiting) -> None:
    waiting.passes(waiting.runs[0])

    with waiting.database.write.begin() as session:
        jobs.stop(session, waiting.runs[1], "its budget", now=NOW)

    assert waiting.statuses() == [(Status.RUNNING, None), (Status.PAUSED, "its budget")]


def test_a_resumed_job_that_passed_before_needs_no_other(waiting: Waiting) -> None:
    waiting.passes(waiting.runs[0])
    with waiting.database.write.begin() as session:
        jobs.pause(session, waiting.job_id, now=NOW)
        jobs.resume(session, waiting.job_id, now=NOW)

    assert len(waiting.lease()) == 6


def test_of_requests_that_wait_for_a_batch_the_canary_goes_online(waiting: Waiting) -> None:
    with waiting.database.write.begin() as session:
        session.execute(update(Run).values(dispatch=Dispatch.BATCH))
        session.execute(update(Request).values(state=RequestState.WAITING))
        assert batches.gatherable(session, now=NOW) == []
        assert leases.models_due(session, now=NOW) == [waiting.model_id]

    (canary,) = waiting.lease()
    waiting.passes(canary.run_id)

    assert canary.canary
    assert waiting.lease() == []
    with waiting.database.write.begin() as session:
        assert batches.gatherable(session, now=NOW) == [(waiting.job_id, waiting.model_id)]
        batch = batches.begin(
            session, waiting.job_id, waiting.model_id, credential="anonymous",
            base_url="http://127.0.0.1:9/v1", token="mine", until=LATER, now=NOW,
        )  # fmt: skip
        assert batch is not None
        assert len(batch_lines.take(session, batch, slots=9, now=NOW)) == 5


def test_of_workers_that_lease_at_once_one_sends_it(postgres_database: Database) -> None:
    waiting, start = Waiting(postgres_database), Barrier(4)

    def lease(_: int) -> list[Leased]:
        start.wait()
        return [request for _ in range(5) for request in waiting.lease(slots=2)]

    with ThreadPoolExecutor(4) as workers:
        taken = [request for each in workers.map(lease, range(4)) for request in each]

    assert [request.canary for request in taken] == [True]
