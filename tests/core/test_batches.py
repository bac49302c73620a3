"""Batches in the queue: held by one step at a time, and their lines, on both databases."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from core import attempts, batch_lines, batches, jobs, leases, leftovers, rescue, runs
from core.attempts import Opened, Opening
from core.db import Database
from core.rules.batches import BatchState, Ending, holder
from core.spending import Books
from core.tables import Attempt, Batch, Request, Run
from core.vocabulary import Dispatch
from tests import rows
from tests.core.conftest import Queue, plan
from tests.rows import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def waiting(database: Database) -> Queue:
    """A planned run of a batch job over 10 samples, in requests of 4."""
    with database.write.begin() as session:
        model = rows.model(session)
        job = rows.job(session, rows.dataset(session, 10), model, rows.template(session))
        run = session.scalars(select(Run)).one()
        run.dispatch = Dispatch.BATCH
    plan(database, run.id)
    return Queue(database, run.id, job.id, model.id)


def begin(queue: Queue, by: str = "mine") -> Batch | None:
    with queue.database.write.begin() as session:
        return batches.begin(
            session,
            queue.job_id,
            queue.model_id,
            credential="anonymous",
            base_url="http://127.0.0.1:9/v1",
            token=by,
            until=NOW + MINUTE,
            now=NOW,
        )


def begun(queue: Queue) -> Batch:
    batch = begin(queue)
    assert batch is not None
    return batch


def send(queue: Queue, batch: Batch, slots: int = 100) -> list[int]:
    """Take requests into a batch and write their attempts."""
    with queue.database.write.begin() as session, Books(session) as books:
        taken = batch_lines.take(session, batch, slots=slots, now=NOW)
        openings = [
            Opening(r, holder(batch.id), "anonymous", {"model": "fer"}, "0" * 64, NOW, None)
            for r in taken
        ]
        ends = attempts.open_all(session, openings, books)
        ids = [each.id for each in ends if isinstance(each, Opened)]
        batch_lines.add_lines(session, batch.id, ids)
    return ids


def states(queue: Queue) -> list[str]:
    with queue.database.read() as session:
        return list(session.scalars(select(Request.state).order_by(Request.id)))


def now_stands(queue: Queue, batch_id: UUID) -> Batch:
    with queue.database.read() as session:
        return batches.get(session, batch_id)


def test_requests_of_batch_runs_wait_and_no_slice_gets_them(waiting: Queue) -> None:
    with waiting.database.write.begin() as session:
        due = leases.models_due(session, now=NOW)
        taken = leases.lease(session, waiting.model_id, owner="me", slots=9, now=NOW, lasts=MINUTE)

    assert states(waiting) == ["waiting"] * 3
    assert (due, taken) == ([], [])


def test_a_file_is_made_once_the_whole_job_is_planned(waiting: Queue) -> None:
    def gatherable() -> list[tuple[UUID, UUID]]:
        with waiting.database.read() as session:
            return batches.gatherable(session, now=NOW)

    assert gatherable() == [(waiting.job_id, waiting.model_id)]
    with waiting.database.write.begin() as session:
        session.execute(update(Run).values(planned=9))
    assert gatherable() == []


def test_one_file_is_filled_at_a_time(waiting: Queue) -> None:
    assert begin(waiting) is not None
    assert begin(waiting, "other") is None
    with waiting.database.read() as session:
        assert batches.gatherable(session, now=NOW) == []


def test_a_batch_leases_in_its_own_name_and_rescue_leaves_it_alone(waiting: Queue) -> None:
    batch = begun(waiting)
    send(waiting, batch)

    with waiting.database.write.begin() as session:
        assert not rescue.has_expired(session, now=NOW + timedelta(days=30))
        assert rescue.rescue(session, expired_before=None, jitter=0.0, now=NOW) == 0
    with waiting.database.read() as session:
        owners = set(session.scalars(select(Request.lease_owner)))

    assert owners == {holder(batch.id)}
    assert states(waiting) == ["leased"] * 3


def test_lines_come_in_the_order_of_the_file_until_they_are_settled(waiting: Queue) -> None:
    batch = begun(waiting)
    ids = send(waiting, batch)

    with waiting.database.read() as session:
        first = batch_lines.lines_of(session, batch.id, limit=2)
        rest = batch_lines.lines_of(session, batch.id, after=first[-1].attempt_id)
        among = batch_lines.lines_of(session, batch.id, among=[ids[1], 999])
        numbered = [batch_lines.attempt_of_line(session, batch.id, n) for n in (1, 2, 3, 4)]

    assert [line.attempt_id for line in [*first, *rest]] == ids == sorted(ids)
    assert [line.attempt_id for line in among] == [ids[1]]
    assert numbered == [*ids, None]
    assert now_stands(waiting, batch.id).lines == 3


def test_requests_without_an_attempt_are_put_back(waiting: Queue) -> None:
    batch = begun(waiting)
    send(waiting, batch, slots=1)
    with waiting.database.write.begin() as session:
        batch_lines.take(session, batch, slots=1, now=NOW)

    with waiting.database.write.begin() as session:
        assert batch_lines.put_back(session, batch.id) == 1

    assert states(waiting) == ["leased", "waiting", "waiting"]


def test_a_line_that_was_never_sent_can_be_taken_out(waiting: Queue) -> None:
    batch = begun(waiting)
    first, *_ = send(waiting, batch)

    with waiting.database.write.begin() as session, Books(session) as books:
        batch_lines.take_out(session, batch.id, first, "changed", books, now=NOW)

    with waiting.database.read() as session:
        attempt = session.get_one(Attempt, first)
        assert (attempt.result, attempt.batch_id, attempt.reason) == ("withdrawn", None, "changed")
    assert now_stands(waiting, batch.id).lines == 2


def test_a_step_needs_the_hold_and_a_hold_that_ran_out_is_taken(waiting: Queue) -> None:
    batch = begun(waiting)
    late = NOW + 2 * MINUTE

    with waiting.database.write.begin() as session:
        assert batches.claim(session, batch.id, "other", until=late, now=NOW) is None
        taken = batches.claim(session, batch.id, "other", until=late + MINUTE, now=late)
        assert taken is not None
        assert taken.held_by == "other"
        assert not batches.change(session, batch.id, "mine", lines=1)
        assert not batches.move(session, batch.id, "mine", BatchState.UPLOADING, now=late)
        assert batches.move(session, batch.id, "other", BatchState.UPLOADING, now=late)


def test_a_move_that_is_not_in_the_table_does_not_happen(waiting: Queue) -> None:
    batch = begun(waiting)

    with waiting.database.write.begin() as session:
        for target in set(BatchState) - {BatchState.UPLOADING, BatchState.CANCELLED}:
            assert not batches.move(session, batch.id, "mine", target, now=NOW)


def test_an_ended_batch_is_let_go_and_never_claimed_again(waiting: Queue) -> None:
    batch = begun(waiting)
    with waiting.database.write.begin() as session:
        assert batches.move(
            session, batch.id, "mine", BatchState.CANCELLED, now=NOW, ending=Ending.CANCELLED
        )

    ended = now_stands(waiting, batch.id)
    assert (ended.finished_at, ended.poll_at, ended.held_by) == (NOW, None, None)
    with waiting.database.write.begin() as session:
        assert batches.claim(session, batch.id, "x", until=NOW, now=NOW + MINUTE) is None


def test_steps_are_due_when_their_time_has_come_and_nobody_does_them(waiting: Queue) -> None:
    batch = begun(waiting)

    def due(at: timedelta) -> list[UUID]:
        with waiting.database.read() as session:
            return batches.due(session, now=NOW + at)

    assert due(timedelta(0)) == []
    assert due(2 * MINUTE) == [batch.id]
    with waiting.database.write.begin() as session:
        batches.let_go(session, batch.id, "mine", poll_at=NOW + 5 * MINUTE)
    assert due(4 * MINUTE) == []
    assert due(5 * MINUTE) == [batch.id]


@pytest.mark.parametrize("move", [jobs.pause, jobs.cancel])
def test_a_batch_that_nobody_wants_any_more_is_due_at_once(waiting: Queue, move: object) -> None:
    batch = begun(waiting)
    far = NOW + timedelta(hours=1)
    with waiting.database.write.begin() as session:
        at_provider = {"provider_id": "b", "submitted_at": NOW}
        batches.move(session, batch.id, "mine", BatchState.UPLOADING, now=NOW)
        batches.move(session, batch.id, "mine", BatchState.SUBMITTED, now=NOW, **at_provider)
        batches.let_go(session, batch.id, "mine", poll_at=far)
    with waiting.database.read() as session:
        before = batches.due(session, now=NOW)
        assert batches.is_wanted(session, batch.id)

    with waiting.database.write.begin() as session:
        move(session, waiting.job_id, now=NOW)  # type: ignore[operator]

    with waiting.database.read() as session:
        assert (before, batches.due(session, now=NOW)) == ([], [batch.id])
        assert not batches.is_wanted(session, batch.id)


def test_cancelled_jobs_take_their_waiting_requests_out_of_the_queue(waiting: Queue) -> None:
    with waiting.database.write.begin() as session:
        jobs.cancel(session, waiting.job_id, now=NOW)
        assert leftovers.any_left(session)
        leftovers.cancel(session, limit=100, now=NOW)

    assert states(waiting) == ["cancelled"] * 3


@pytest.mark.parametrize(
    "values",
    [
        {"state": BatchState.SUBMITTED},
        {"state": BatchState.DONE},
        {"finished_at": NOW},
        {"poll_at": None},
        {"ending": Ending.EXPIRED},
        {"held_by": None},
        {"lines": 60_000},
    ],
    ids=str,
)
def test_the_table_refuses_nonsense(waiting: Queue, values: dict[str, object]) -> None:
    begun(waiting)

    with pytest.raises(IntegrityError), waiting.database.write.begin() as session:
        session.execute(update(Batch).values(**values))


def test_runs_of_ended_batches_are_found_by_job_and_page(waiting: Queue) -> None:
    batch = begun(waiting)

    with waiting.database.read() as session:
        run = runs.get(session, waiting.run_id)
        assert run.job_id == waiting.job_id
        assert batches.running_runs(session, batch) == [run.id]
        assert batches.open_by_credential(session, waiting.model_id) == {"anonymous": 1}
        page = batches.page(session, waiting.job_id, after=None, limit=10)
        under_way = batches.open_of(session, [waiting.job_id])

    assert [each.id for each in page.rows] == [batch.id]
    assert [each.id for each in under_way[waiting.job_id]] == [batch.id]
