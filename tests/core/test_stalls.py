"""What the database knows of jobs that do not move."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select

from core import attempts, jobs, leases, runs, settling, stalls, workers
from core.attempts import Heard, Opened, Opening
from core.db import Database
from core.rules.readings import Answer, Exchange, Parsed, Reading
from core.rules.room import Health
from core.rules.stalls import Stall, StallCode
from core.rules.standings import CredentialStanding, ModelStanding, RoomStanding
from core.rules.states import Status
from core.rules.strategy import decide
from core.settling import Settlement
from core.spending import Books
from core.tables import Run
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Result
from core.workers import Life
from tests import rows
from tests.core.conftest import Queue
from tests.rows import NOW

PATIENCE = timedelta(seconds=60)
LATER = NOW + timedelta(seconds=61)


def alive(database: Database, at: datetime, **life: Any) -> None:
    """Let a worker have been seen, and have ticked, at a moment."""
    said = Life(**{"owner": "w", "started_at": NOW, "ticked_at": at, "rescued": 0, **life})
    with database.write.begin() as session:
        workers.note(session, said, now=at)


def look(queue: Queue, now: datetime = LATER) -> Stall | None:
    with queue.database.read() as session:
        return stalls.of_runs(session, [queue.run()], patience=PATIENCE, now=now).get(queue.run_id)


def send(queue: Queue, at: datetime) -> tuple[leases.Leased, int]:
    """Lease a request and write its attempt."""
    lasts = timedelta(minutes=5)
    with queue.database.write.begin() as session:
        request = leases.lease(session, queue.model_id, owner="w", slots=1, now=at, lasts=lasts)[0]
        opening = Opening(request, "w", "anonymous", {}, "0" * 64, at, None)
        with Books(session) as books:
            opened = attempts.open_all(session, [opening], books)[0]
    assert isinstance(opened, Opened)
    return request, opened.id


def settle(queue: Queue, reading: Reading, at: datetime) -> None:
    """Let a call have ended so."""
    request, attempt = send(queue, at)
    answers = {slot: Answer(("anger",)) for slot in range(request.asked.size)}
    parsed = Parsed(answers) if reading.result is Result.ANSWERED else None
    verdict = decide(request.asked, reading, parsed, refusal=False, jitter=0.0)
    heard = Heard(attempt, Exchange(200, {}, b"", 0.1), reading, None, at)
    right = [frozenset({"anger"})] * request.asked.size
    settlement = Settlement(request, "w", verdict, at, None, right, heard)
    with queue.database.write.begin() as session, Books(session) as books:
        settling.settle_all(session, [settlement], books)


def test_a_job_that_moved_lately_is_not_stalled_and_costs_no_query(queue: Queue) -> None:
    asked: list[str] = []
    run = queue.run()
    with queue.database.read() as session:
        event.listen(queue.database.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
        found = stalls.of_runs(session, [run], patience=PATIENCE, now=NOW + timedelta(seconds=59))

    assert (found, asked) == ({}, [])


def test_without_a_worker_there_is_none_alive(queue: Queue) -> None:
    stall = look(queue)

    assert stall is not None
    assert (stall.code, stall.since) == (StallCode.NO_WORKER, NOW)


def test_a_worker_that_stopped_is_not_alive_from_that_moment(queue: Queue) -> None:
    alive(queue.database, LATER)
    alive(queue.database, LATER, stopped_at=LATER)

    stall = look(queue)

    assert stall is not None
    assert (stall.code, stall.since) == (StallCode.NO_WORKER, LATER)


@pytest.mark.parametrize(
    ("silent_s", "code"), [(19, StallCode.UNEXPLAINED), (20, StallCode.NO_WORKER)]
)
def test_a_worker_that_was_killed_is_missed_after_twenty_seconds(
    queue: Queue, silent_s: int, code: StallCode
) -> None:
    alive(queue.database, LATER - timedelta(seconds=silent_s))

    stall = look(queue)

    assert stall is not None
    assert stall.code is code


def test_a_worker_without_a_clock_is_told_of(queue: Queue) -> None:
    alive(queue.database, LATER, ticked_at=NOW)

    stall = look(queue)

    assert stall is not None
    assert (stall.code, stall.since) == (StallCode.NO_TICK, NOW)


def test_a_provider_that_is_down_is_told_of_until_it_speaks(queue: Queue) -> None:
    alive(queue.database, LATER)
    first = NOW + timedelta(seconds=5)
    settle(queue, Reading(Result.SERVER_ERROR, reason="Bad Gateway"), first)
    settle(queue, Reading(Result.RESET, reason="connection refused"), NOW + timedelta(seconds=9))
    settle(queue, Reading(Result.RATE_LIMITED, reason="slow down"), NOW + timedelta(seconds=10))

    stall = look(queue)
    settle(queue, Reading(Result.ANSWERED, text="…"), LATER)

    assert stall is not None
    assert (stall.code, stall.since) == (StallCode.PROVIDER_DOWN, first)
    assert stall.detail.endswith("connection refused")
    assert look(queue) is None
    run = queue.run()
    assert (run.moved_at, run.faulty_since) == (LATER, None)


def test_calls_under_way_that_nobody_answers_are_told_of(queue: Queue) -> None:
    alive(queue.database, LATER)
    sent_at = NOW + timedelta(seconds=1)
    send(queue, sent_at)

    stall = look(queue)

    assert stall is not None
    assert (stall.code, stall.since) == (StallCode.UNANSWERED, sent_at)
    assert "1 call under way" in stall.detail


def test_a_limit_is_told_of_as_a_worker_last_saw_it(queue: Queue) -> None:
    alive(queue.database, LATER)
    until = LATER + timedelta(hours=3)
    room = RoomStanding(used=1, effective=1)
    resting = CredentialStanding(
        credential="env:KEY", health=Health.EXHAUSTED, until=until, reason="no quota",
        in_flight=0, concurrency=1, rpm=room, tpm=room, rpd=room, pace_rpm=1,
    )  # fmt: skip
    for standing in (ModelStanding(away="gone"), ModelStanding(credentials=[resting])):
        with queue.database.write.begin() as session:
            workers.note_standing(session, queue.model_id, standing, now=LATER)

    stall = look(queue)

    assert stall is not None
    assert (stall.code, stall.until) == (StallCode.EXHAUSTED, until)


def test_what_is_due_later_is_told_of(queue: Queue) -> None:
    alive(queue.database, LATER)
    for _ in range(3):
        settle(queue, Reading(Result.RATE_LIMITED, reason="slow", retry_after_s=600), NOW)

    stall = look(queue)

    assert stall is not None
    assert (stall.code, stall.until) == (StallCode.NOT_DUE, NOW + timedelta(seconds=600))


def test_behind_a_more_urgent_job_that_moves_it_says_which(queue: Queue) -> None:
    alive(queue.database, LATER)
    other = _another_job(queue, priority=1, moved_at=LATER)

    stall = look(queue)

    assert stall is not None
    assert stall.code is StallCode.OUTRANKED
    assert str(other) in stall.detail


@pytest.mark.parametrize(("priority", "moved_at"), [(0, LATER), (1, NOW)])
def test_a_job_that_is_no_more_urgent_or_does_not_move_either_explains_nothing(
    queue: Queue, priority: int, moved_at: datetime
) -> None:
    alive(queue.database, LATER)
    _another_job(queue, priority=priority, moved_at=moved_at)

    stall = look(queue)

    assert stall is not None
    assert stall.code is StallCode.UNEXPLAINED


def test_a_run_waits_for_its_jobs_other_runs_of_the_same_model_without_a_word(
    database: Database,
) -> None:
    with database.write.begin() as session:
        model = rows.model(session)
        job = rows.job(
            session, rows.dataset(session, 4), model, rows.template(session), runs=2, created_at=NOW
        )
        first, second = runs_of(session, job.id)
        first.status, first.moved_at, first.finished_at = Status.COMPLETED, LATER, LATER
        second.status, second.moved_at = Status.RUNNING, NOW
    with database.read() as session:
        found = stalls.of_runs(session, [second], patience=PATIENCE, now=LATER)

    assert found == {}


def test_a_paused_job_is_not_stalled_and_a_resumed_one_is_not_at_once(queue: Queue) -> None:
    week = NOW + timedelta(days=7)
    with queue.database.write.begin() as session:
        jobs.pause(session, queue.job_id, now=NOW)
    paused = look(queue, week)
    with queue.database.write.begin() as session:
        jobs.resume(session, queue.job_id, now=week)

    assert paused is None
    assert look(queue, week + timedelta(seconds=59)) is None
    assert look(queue, week + timedelta(seconds=60)) is not None


def test_a_job_that_is_not_planned_says_so(database: Database) -> None:
    alive(database, LATER)
    with database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 4), rows.model(session), rows.template(session)
        )
    with database.read() as session:
        found = stalls.of_all(session, patience=PATIENCE, now=LATER)

    assert {key: stall.code for key, stall in found.items()} == {job.id: StallCode.UNPLANNED}


def test_a_worker_is_written_once_and_those_long_gone_are_forgotten(database: Database) -> None:
    alive(database, NOW, owner="old")
    alive(database, NOW + timedelta(hours=25), owner="new")
    alive(database, NOW + timedelta(hours=49), owner="new", rescued=3)

    with database.read() as session:
        known = workers.known(session)

    assert [(worker.owner, worker.rescued) for worker in known] == [("new", 3)]
    assert workers.lives(known[0], now=NOW + timedelta(hours=49))


def _another_job(queue: Queue, *, priority: int, moved_at: datetime) -> str:
    """Add a running job to the queue's model, and return its id."""
    with queue.database.write.begin() as session:
        mine = runs.get(session, queue.run_id)
        job = jobs.get(session, queue.job_id)
        other_id = uuid4()
        session.add(
            type(job)(
                team_id=DEFAULT_ID,
                id=other_id, dataset_id=job.dataset_id, submission=job.submission, quote=job.quote,
                status=Status.RUNNING, priority=priority, created_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Run(
                team_id=DEFAULT_ID,
                job_id=other_id, dataset_id=mine.dataset_id, model_id=mine.model_id,
                template_id=mine.template_id, condition=mine.condition, repeat=1, position=0,
                seed=0, batch_size=4, samples=10, status=Status.RUNNING, planned=10,
                created_at=NOW, moved_at=moved_at,
            )
        )  # fmt: skip
    return str(other_id)


def runs_of(session: Any, job_id: Any) -> list[Run]:
    return list(session.scalars(select(Run).where(Run.job_id == job_id).order_by(Run.position)))
