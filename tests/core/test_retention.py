"""Raw answers that were kept long enough: on both databases."""

from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select

from core import rescoring, retention, runs
from core.errors import RawDropped
from core.rules.states import Status
from core.tables import Attempt, Run
from tests import replies, rows
from tests.core.conftest import Queue
from tests.rows import LATER, NOW

SOON = LATER + timedelta(days=1)


def drop(queue: Queue, before: timedelta = timedelta()) -> int:
    with queue.database.write.begin() as session:
        return retention.drop(session, queue.run_id, ended_before=SOON - before, now=SOON)


def attempts(queue: Queue) -> list[Attempt]:
    with queue.database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def test_only_the_raw_answer_of_an_attempt_goes_and_its_digest_stays(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    before = attempts(queue)

    assert drop(queue) == 3

    for old, new in zip(before, attempts(queue), strict=True):
        assert old.body is not None
        assert (new.body, new.headers, new.dropped_at) == (None, None, SOON)
        assert new.body_sha256 == sha256(old.body).hexdigest()
        for kept in ("result", "status", "sent", "sent_sha256", "cost_nano", "prompt_tokens"):
            assert getattr(new, kept) == getattr(old, kept)
    assert queue.run().raw_dropped == 3


def test_a_run_is_done_with_when_it_has_no_more(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    with queue.database.read() as session:
        assert retention.next_run(session, ended_before=SOON) == queue.run_id

    drop(queue)

    with queue.database.read() as session:
        assert retention.next_run(session, ended_before=SOON) is None
    assert drop(queue) == 0
    assert queue.run().raw_dropped == 3


def test_a_batch_at_a_time(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    replies.answer(queue.database, queue.run_id)

    assert [drop(queue) for _ in range(3)] == [2, 1, 0]
    assert [attempt.body for attempt in attempts(queue)] == [None] * 3


def test_a_run_that_is_not_old_enough_or_not_over_keeps_all(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        rows.attempt(session, runs.get(session, queue.run_id), body=b"{}", status=200)
    with queue.database.read() as session:
        assert retention.next_run(session, ended_before=SOON) is None
    assert drop(queue) == 0

    replies.answer(queue.database, queue.run_id)
    with queue.database.read() as session:
        assert retention.next_run(session, ended_before=NOW - timedelta(days=1)) is None
    assert drop(queue, before=timedelta(days=400)) == 0
    assert None not in [attempt.body for attempt in attempts(queue)]


def test_what_a_retried_run_makes_later_goes_later(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    drop(queue)
    with queue.database.write.begin() as session:
        run = session.get_one(Run, queue.run_id)
        run.status, run.finished_at = Status.RUNNING, None
        rows.attempt(session, run, body=b"{}", status=200)
    assert drop(queue) == 0

    with queue.database.write.begin() as session:
        run = session.get_one(Run, queue.run_id)
        run.status, run.finished_at = Status.COMPLETED, LATER
    assert drop(queue) == 1
    assert queue.run().raw_dropped == 4


def test_a_run_whose_raw_answers_are_gone_cannot_be_scored_again(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    with queue.database.read() as session:
        surveyed = rescoring.survey(session, queue.run_id)
    drop(queue)

    with queue.database.read() as session, pytest.raises(RawDropped, match=r"3 .* on 2026-01-02"):
        rescoring.survey(session, queue.run_id)
    with queue.database.write() as session, pytest.raises(RawDropped):
        rescoring.rescore(session, queue.run_id, surveyed, note=None, shown=1, now=SOON)
