"""Writes tried again after their commit's answer was lost: on both databases."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from core import again, attempts, runs
from core.attempts import Opened, Opening
from core.leases import Leased
from core.rescue import rescue
from core.rules.states import RequestState, Status
from core.rules.strategy import Verdict
from core.settling import Settlement
from core.spending import Books
from core.tables import Attempt, Prediction, Request
from core.vocabulary import Result
from tests.core.conftest import Queue
from tests.core.test_queue import HAPPY, lease, requests_of, send, settle, settlement
from tests.rows import LATER, NOW


def open_again(queue: Queue, requests: Sequence[Leased], owner: str = "me") -> list[Opened | None]:
    openings = [
        Opening(r, owner, "anonymous", {"model": "fer"}, "0" * 64, NOW, None) for r in requests
    ]
    with queue.database.write.begin() as session, Books(session) as books:
        ends = again.open_all(session, openings, books)
    return [end if isinstance(end, Opened) else None for end in ends]


def settle_again(queue: Queue, *settlements: Settlement) -> dict[UUID, str]:
    with queue.database.write.begin() as session, Books(session) as books:
        return dict(again.settle_all(session, settlements, books))


def attempts_of(queue: Queue) -> list[Attempt]:
    with queue.database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def answer(request: Leased, opened: Opened | None, owner: str = "me") -> Settlement:
    assert opened is not None
    answers = dict.fromkeys(range(request.asked.size), HAPPY)
    return settlement(request, opened, Result.ANSWERED, answers, owner=owner)


def next_lease(queue: Queue, request: Leased) -> Leased:
    """Let another worker lease all there is, and return its lease of a request."""
    taken = lease(queue, owner="other", now=LATER)
    return next(other for other in taken if other.id == request.id)


def lose(queue: Queue) -> None:
    """Take every lease back, as a rescue does whose owner is dead."""
    with queue.database.write.begin() as session:
        rescue(session, expired_before=None, jitter=0.0, now=NOW)


def test_an_attempt_that_was_written_is_not_written_twice(queue: Queue) -> None:
    first, second, _ = lease(queue)
    written = send(queue, [first])

    assert open_again(queue, [first, second]) == [written[0], Opened(2, 1)]

    assert [a.request_id for a in attempts_of(queue)] == [first.id, second.id]
    assert queue.run().attempts == 2


def test_an_attempt_of_a_run_that_was_stopped_meanwhile_never_leaves(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)
    send(queue, [request])
    with queue.database.write.begin() as session:
        assert runs.move(session, queue.run_id, Status.CANCELLED, reason=None, now=NOW)

    assert open_again(queue, [request]) == [None]

    (attempt,) = attempts_of(queue)
    assert (attempt.result, attempt.cost_nano) == (Result.RESET, None)
    assert attempt.reason == "it never left: the run was stopped while the database was away"


def test_another_worker_s_attempt_is_not_taken_for_ours(queue: Queue) -> None:
    (ours,) = lease(queue, slots=1)
    lose(queue)
    (theirs,) = lease(queue, slots=1, owner="other")
    send(queue, [theirs], owner="other")

    assert theirs.id == ours.id
    assert open_again(queue, [ours]) == [None]
    assert [a.result for a in attempts_of(queue)] == [Result.SENT]


def test_an_answer_that_was_stored_is_counted_once(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)
    given = answer(request, send(queue, [request])[0])
    settle(queue, given)

    settle_again(queue, given)

    run = queue.run()
    assert (run.answered, run.cost_nano, run.lost_nano, run.prompt_tokens) == (4, 1000, 0, 10)


def test_an_answer_that_was_not_stored_is(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)
    given = answer(request, send(queue, [request])[0])

    settle_again(queue, given)

    assert (queue.run().answered, requests_of(queue)[0].state) == (4, RequestState.DONE)


@pytest.mark.parametrize("leased_again", [False, True])
def test_an_answer_after_its_rescue_counts_while_nobody_has_asked_again(
    queue: Queue, leased_again: bool
) -> None:
    (request,) = lease(queue, slots=1)
    given = answer(request, send(queue, [request])[0])
    lose(queue)
    others = [next_lease(queue, request)] if leased_again else []

    settle_again(queue, given)

    run, stored = queue.run(), requests_of(queue)[0]
    assert (run.answered, run.lost_nano, run.unknown_attempts) == (4, 0, 0)
    assert (stored.state, stored.failures) == (RequestState.DONE, 0)
    # Whoever had leased it by then sends nothing.
    assert send(queue, others, owner="other") == [None] * len(others)


def test_an_answer_after_its_rescue_is_only_kept_once_another_has_asked(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)
    given = answer(request, send(queue, [request])[0])
    lose(queue)
    theirs = next_lease(queue, request)
    opened = send(queue, [theirs], owner="other")

    settle_again(queue, given)

    assert (queue.run().answered, queue.run().lost_nano) == (0, 1000)
    settle(queue, answer(theirs, opened[0], owner="other"))
    assert (queue.run().answered, queue.run().cost_nano) == (4, 2000)


def test_a_request_that_was_given_back_is_not_taken_from_its_next_lease(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)
    back = Settlement(request, "me", Verdict(RequestState.DUE), NOW, None)
    settle(queue, back)
    (again_leased,) = lease(queue, slots=1, now=NOW + timedelta(seconds=1))

    settle_again(queue, back)

    assert again_leased.id == request.id
    assert requests_of(queue)[0].state is RequestState.LEASED


def test_a_request_that_was_not_given_back_is(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)

    settle_again(queue, Settlement(request, "me", Verdict(RequestState.DUE), NOW, None))

    assert requests_of(queue)[0].state is RequestState.DUE


def test_a_sample_that_failed_meanwhile_stays_failed(queue: Queue) -> None:
    (request,) = lease(queue, slots=1)
    given = answer(request, send(queue, [request])[0])
    with queue.database.write.begin() as session:
        session.execute(update(Request).where(Request.id == request.id).values(failures=5))
    lose(queue)

    settle_again(queue, given)

    with queue.database.read() as session:
        outcomes = {p.outcome for p in session.scalars(select(Prediction))}
    assert outcomes == {"failed"}
    assert (queue.run().failed, queue.run().answered, queue.run().lost_nano) == (4, 0, 1000)
    assert attempts_of(queue)[0].result is Result.ANSWERED


def test_nothing_to_repeat_is_nothing(queue: Queue) -> None:
    assert settle_again(queue) == {}
    assert open_again(queue, []) == []
    with queue.database.write.begin() as session, Books(session) as books:
        assert attempts.open_all(session, [], books) == []
