"""Planning, leasing, sending, settling, rescuing: on both databases."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from core import attempts, jobs, leases, leftovers, runs, settling
from core.attempts import Heard, Opened, Opening
from core.db import Database
from core.leases import Leased
from core.rescue import has_expired, rescue
from core.rules.readings import Answer, Exchange, Parsed, Reading, Usage
from core.rules.retry import MAX_FAILURES
from core.rules.states import RequestState, Status
from core.rules.strategy import BREAKER, Asked, decide
from core.settling import Settlement
from core.spending import Books
from core.tables import Attempt, Prediction, Request, Run, Sample
from core.vocabulary import Cause, Outcome, Result
from tests import rows
from tests.core.conftest import Queue, plan
from tests.rows import LATER, NOW

MINUTE = timedelta(minutes=1)
HAPPY = Answer(("happiness", "sadness", "anger"))
STRAY = Answer(("joy", "sadness"), frozenset({"joy"}))


def lease(queue: Queue, slots: int = 100, owner: str = "me", now: datetime = NOW) -> list[Leased]:
    with queue.database.write.begin() as session:
        return leases.lease(
            session, queue.model_id, owner=owner, slots=slots, now=now, lasts=MINUTE
        )


def send(queue: Queue, requests: Sequence[Leased], owner: str = "me") -> list[Opened | None]:
    openings = [
        Opening(r, owner, "anonymous", {"model": "fer"}, "0" * 64, NOW, None) for r in requests
    ]
    with queue.database.write.begin() as session, Books(session) as books:
        ends = attempts.open_all(session, openings, books)
    return [end if isinstance(end, Opened) else None for end in ends]


def settlement(
    request: Leased,
    attempt: Opened,
    result: Result,
    answers: dict[int, Answer] | None = None,
    *,
    owner: str = "me",
    cost_nano: int = 1000,
) -> Settlement:
    reading = Reading(
        result,
        text="…",
        usage=Usage(10, 5),
        reason=None if result is Result.ANSWERED else "the provider's words",
    )
    parsed = Parsed(answers) if answers is not None else None
    verdict = decide(request.asked, reading, parsed, refusal=False, jitter=0.0)
    exchange = Exchange(200, {"x-request-id": "r1"}, b'{"verbatim": "\xff"}', 0.25)
    heard = Heard(attempt.id, exchange, reading, cost_nano, NOW)
    targets = ["happiness", "sadness", "anger", "happiness"][: request.asked.size]
    right = [frozenset({target}) for target in targets]
    return Settlement(request, owner, verdict, NOW, reading.reason, right, heard)


def settle(queue: Queue, *settlements: Settlement) -> dict[UUID, str]:
    with queue.database.write.begin() as session, Books(session) as books:
        return dict(settling.settle_all(session, settlements, books))


def answer_all(queue: Queue, owner: str = "me") -> None:
    leased = lease(queue, owner=owner)
    opened = send(queue, leased, owner=owner)
    settle(
        queue,
        *(
            settlement(
                r, o, Result.ANSWERED, dict.fromkeys(range(r.asked.size), HAPPY), owner=owner
            )
            for r, o in zip(leased, opened, strict=True)
            if o
        ),
    )


def requests_of(queue: Queue) -> list[Request]:
    with queue.database.read() as session:
        return list(session.scalars(select(Request).order_by(Request.id)))


def predictions_of(queue: Queue) -> list[Prediction]:
    with queue.database.read() as session:
        return list(session.scalars(select(Prediction).order_by(Prediction.sample_id)))


def test_planning_puts_every_sample_into_one_request(queue: Queue) -> None:
    requests = requests_of(queue)

    assert [len(request.sample_ids) for request in requests] == [4, 4, 2]
    assert len({sample for request in requests for sample in request.sample_ids}) == 10
    assert (queue.run().status, queue.run().requests, queue.run().planned) == ("running", 3, 10)


def test_of_two_planners_at_the_same_place_one_wins(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        run = runs.get(session, queue.run_id)
        ids = runs.ordered_samples(session, run)
        assert not runs.plan(session, run, ids, at=0, now=NOW)

    assert len(requests_of(queue)) == 3


def test_a_run_asks_about_its_own_samples_alone(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        first = runs.get(session, queue.run_id).dataset_id
        # The ids of the first have a gap where the second was imported; the second's have none.
        second = rows.dataset(session, 3, name="others").id
        session.add(Sample(dataset_id=first, name="late", target=rows.LABELS[0], media=[]))
        session.flush()

        for dataset in (first, second):
            of_it = select(Sample.id).where(Sample.dataset_id == dataset).order_by(Sample.id)
            order = runs.seeded_order(session, dataset, 0).tolist()
            assert sorted(order) == session.scalars(of_it).all()
        assert runs.seeded_order(session, uuid4(), 0).tolist() == []


def test_a_leased_request_is_not_leased_again(queue: Queue) -> None:
    assert [r.id for r in lease(queue, slots=2)] == [1, 2]
    assert [r.id for r in lease(queue, owner="other")] == [3]
    assert lease(queue) == []


def test_many_workers_at_once_never_share_a_request(queue: Queue) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: lease(queue, slots=1, owner=f"w{n}"), range(8)))

    ids = [request.id for part in taken for request in part]
    assert sorted(ids) == [1, 2, 3]


def test_a_request_that_is_not_due_yet_waits(queue: Queue) -> None:
    assert lease(queue, now=NOW - MINUTE) == []


def test_jobs_of_one_model_get_equal_shares_and_priority_goes_first(database: Database) -> None:
    with database.write.begin() as session:
        model = rows.model(session)
        dataset, template = rows.dataset(session, 40), rows.template(session)
        big, small, urgent = (
            rows.job(session, dataset, model, template, runs=count, priority=priority)
            for count, priority in ((3, 0), (1, 0), (1, 5))
        )
        all_runs = {run.id: jobs.owner(run) for run in session.scalars(select(Run))}
    for run_id in all_runs:
        plan(database, run_id)

    with database.write.begin() as session:
        taken = leases.lease(session, model.id, owner="me", slots=16, now=NOW, lasts=MINUTE)

    counts = {job.id: 0 for job in (big, small, urgent)}
    for request in taken:
        counts[all_runs[request.run_id]] += 1
    assert counts == {urgent.id: 10, big.id: 3, small.id: 3}


def test_few_slots_go_to_the_jobs_with_the_least_under_way(database: Database) -> None:
    with database.write.begin() as session:
        model, template = rows.model(session), rows.template(session)
        dataset = rows.dataset(session, 40)
        ages = [timedelta(seconds=age) for age in (5, 4, 3, 2, 1)]
        made = [
            rows.job(session, dataset, model, template, created_at=NOW - age).id for age in ages
        ]
        all_runs = {run.id: jobs.owner(run) for run in session.scalars(select(Run))}
    for run_id in all_runs:
        plan(database, run_id)

    def turn(slots: int) -> list[UUID]:
        with database.write.begin() as session:
            taken = leases.lease(session, model.id, owner="me", slots=slots, now=NOW, lasts=MINUTE)
        return sorted((all_runs[each.run_id] for each in taken), key=made.index)

    assert turn(2) == made[:2]
    assert turn(2) == made[2:4]
    assert turn(1) == made[4:]


def test_planners_are_woken_by_priority_and_for_what_is_soon_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PLANNED_AT_ONCE", 3)
    with database.write.begin() as session:
        model, template = rows.model(session), rows.template(session)
        large, small = rows.dataset(session, 40), rows.dataset(session, 4, name="small")
        first = rows.job(session, large, model, template, created_at=NOW - MINUTE)
        rows.job(session, large, model, template)
        soon = rows.job(session, small, model, template)
        urgent = rows.job(session, large, model, template, priority=5)
        owners = {run.id: jobs.owner(run) for run in session.scalars(select(Run))}
        found = [owners[run_id] for run_id in runs.unplanned(session)]

    assert found == [urgent.id, soon.id, first.id]


def test_an_answer_becomes_predictions_and_its_raw_reply_is_kept(queue: Queue) -> None:
    request = lease(queue, slots=1)[0]
    opened = send(queue, [request])[0]
    assert opened is not None

    settle(
        queue,
        settlement(request, opened, Result.ANSWERED, {0: HAPPY, 1: HAPPY, 2: STRAY, 3: HAPPY}),
    )

    found = {p.slot: p for p in predictions_of(queue)}
    assert [found[slot].label for slot in range(4)] == [
        "happiness",
        "happiness",
        "joy",
        "happiness",
    ]
    assert [found[slot].rank for slot in range(4)] == [1, 2, None, 1]
    assert [found[slot].in_vocabulary for slot in range(4)] == [True, True, False, True]
    with queue.database.read() as session:
        attempt = attempts.get(session, opened.id)
    assert (attempt.body, attempt.status, attempt.result) == (
        b'{"verbatim": "\xff"}',
        200,
        Result.ANSWERED,
    )
    assert attempt.headers == {"x-request-id": "r1"}
    assert requests_of(queue)[0].state is RequestState.DONE
    run = queue.run()
    assert (run.answered, run.attempts, run.cost_nano, run.lost_nano) == (4, 1, 1000, 0)
    assert (run.prompt_tokens, run.completion_tokens) == (10, 5)


def test_what_an_answer_left_out_is_queued_as_a_child(queue: Queue) -> None:
    request = lease(queue, slots=1)[0]
    opened = send(queue, [request])[0]
    assert opened is not None

    settle(queue, settlement(request, opened, Result.ANSWERED, {0: HAPPY, 3: HAPPY}))

    child = requests_of(queue)[-1]
    assert (child.parent_id, child.cause) == (request.id, Cause.MISSING)
    assert child.sample_ids == [request.sample_ids[1], request.sample_ids[2]]
    assert (queue.run().requests, queue.run().answered) == (4, 2)


def test_a_refusal_is_money_lost_and_splits(queue: Queue) -> None:
    request = lease(queue, slots=1)[0]
    opened = send(queue, [request])[0]
    assert opened is not None

    settle(queue, settlement(request, opened, Result.REFUSED))

    parent, *_, first, second = requests_of(queue)
    assert parent.state is RequestState.SPLIT
    assert (first.cause, second.cause) == (Cause.REFUSAL, Cause.REFUSAL)
    assert first.sample_ids + second.sample_ids == list(request.sample_ids)
    assert queue.run().lost_nano == 1000


def test_nothing_is_sent_for_a_run_that_is_no_longer_running(queue: Queue) -> None:
    leased = lease(queue)
    with queue.database.write.begin() as session:
        assert runs.move(session, queue.run_id, Status.CANCELLED, reason=None, now=NOW)

    assert send(queue, leased) == [None, None, None]
    assert queue.run().attempts == 0


def test_a_call_under_way_at_a_cancel_is_kept_and_nothing_follows(queue: Queue) -> None:
    leased = lease(queue, slots=2)
    opened = send(queue, leased)
    with queue.database.write.begin() as session:
        assert runs.move(session, queue.run_id, Status.CANCELLED, reason=None, now=NOW)

    assert opened[0] is not None
    assert opened[1] is not None
    settle(
        queue,
        settlement(leased[0], opened[0], Result.ANSWERED, {0: HAPPY}),
        settlement(leased[1], opened[1], Result.RATE_LIMITED),
    )

    assert [r.state for r in requests_of(queue)] == ["cancelled", "cancelled", "due"]
    assert (queue.run().answered, queue.run().requests) == (1, 3)
    with queue.database.write.begin() as session:
        assert leftovers.any_left(session)
        leftovers.cancel(session, limit=10, now=NOW)
        assert not leftovers.any_left(session)


def test_requests_of_a_dead_worker_come_back_and_their_attempts_are_unknown(queue: Queue) -> None:
    leased = lease(queue, slots=2)
    send(queue, leased[:1])

    with queue.database.write.begin() as session:
        assert has_expired(session, now=LATER)
        assert rescue(session, expired_before=LATER, jitter=0.0, now=LATER) == 2
        assert not has_expired(session, now=LATER)

    sent, only_leased, _ = requests_of(queue)
    assert (sent.state, sent.failures, sent.attempts) == (RequestState.DUE, 1, 1)
    assert (only_leased.state, only_leased.failures, only_leased.attempts) == ("due", 0, 0)
    with queue.database.read() as session:
        assert [a.result for a in session.scalars(select(Attempt))] == [Result.UNKNOWN]
    assert queue.run().unknown_attempts == 1


def test_a_lease_that_lasts_is_not_rescued(queue: Queue) -> None:
    lease(queue)

    with queue.database.write.begin() as session:
        assert rescue(session, expired_before=NOW, jitter=0.0, now=NOW) == 0


def test_a_late_answer_is_kept_and_changes_nothing_else(queue: Queue) -> None:
    request = lease(queue, slots=1)[0]
    opened = send(queue, [request])[0]
    assert opened is not None
    with queue.database.write.begin() as session:
        rescue(session, expired_before=None, jitter=0.0, now=NOW)

    late = settlement(request, opened, Result.ANSWERED, dict.fromkeys(range(4), HAPPY))
    settle(queue, late)

    assert predictions_of(queue) == []
    assert requests_of(queue)[0].state is RequestState.DUE
    with queue.database.read() as session:
        assert attempts.get(session, opened.id).result is Result.ANSWERED
    run = queue.run()
    assert (run.cost_nano, run.lost_nano, run.unknown_attempts) == (1000, 1000, 0)


def test_a_request_that_kills_its_workers_fails_in_the_end(queue: Queue) -> None:
    moment = NOW
    for _ in range(MAX_FAILURES):
        moment += timedelta(hours=1)
        send(queue, lease(queue, slots=1, now=moment))
        with queue.database.write.begin() as session:
            rescue(session, expired_before=None, jitter=0.0, now=moment)
        with queue.database.write.begin() as session:
            for request in session.scalars(select(Request).where(Request.failures == 0)):
                request.not_before = moment + timedelta(days=9)

    assert requests_of(queue)[0].state is RequestState.FAILED
    assert [p.outcome for p in predictions_of(queue)] == [Outcome.FAILED] * 4
    assert (queue.run().failed, queue.run().unknown_attempts) == (4, MAX_FAILURES)


def test_five_rejections_in_a_row_trip_the_breaker_and_an_answer_resets_it(
    database: Database,
) -> None:
    with database.write.begin() as session:
        model = rows.model(session)
        template = rows.template(session)
        job = rows.job(session, rows.dataset(session, 40), model, template)
        run = session.scalars(select(Run)).one()
    queue = Queue(database, run.id, job.id, model.id)
    plan(database, run.id)

    def one(result: Result) -> dict[UUID, str]:
        request = lease(queue, slots=1)[0]
        opened = send(queue, [request])[0]
        assert opened is not None
        answers = dict.fromkeys(range(4), HAPPY) if result is Result.ANSWERED else None
        return settle(queue, settlement(request, opened, result, answers))

    assert [one(Result.REJECTED) for _ in range(BREAKER - 1)] == [{}] * (BREAKER - 1)
    assert one(Result.ANSWERED) == {}
    assert [one(Result.REJECTED) for _ in range(BREAKER - 1)] == [{}] * (BREAKER - 1)
    assert one(Result.REJECTED) == {
        run.id: "5 requests in a row were rejected: the provider's words"
    }


def test_a_run_is_finished_when_every_sample_has_its_outcome(queue: Queue) -> None:
    answer_all(queue)

    with queue.database.read() as session:
        assert [run.id for run in runs.finished(session)] == [queue.run_id]
        assert leases.models_due(session, now=LATER) == []


def test_a_settlement_without_a_call_needs_no_attempt(queue: Queue) -> None:
    request = lease(queue, slots=1)[0]
    verdict = decide(Asked(4), Reading(Result.TOO_LARGE), None, refusal=False, jitter=0.0)

    settle(queue, Settlement(request, "me", verdict, NOW, "a body of 30 MB"))

    assert requests_of(queue)[0].reason == "a body of 30 MB"
    assert [r.cause for r in requests_of(queue)[3:]] == [Cause.TOO_LARGE, Cause.TOO_LARGE]
    assert queue.run().attempts == 0


@pytest.mark.parametrize("owner", ["me", "someone else"])
def test_only_the_owner_of_a_lease_settles_it(queue: Queue, owner: str) -> None:
    request = lease(queue, slots=1)[0]
    opened = send(queue, [request])[0]
    assert opened is not None

    answers = dict.fromkeys(range(4), HAPPY)
    settle(queue, settlement(request, opened, Result.ANSWERED, answers, owner=owner))

    assert len(predictions_of(queue)) == (4 if owner == "me" else 0)


def test_what_was_sent_before_a_restart_is_known_by_credential(queue: Queue) -> None:
    answered, sent, _ = lease(queue)
    opened, _ = send(queue, [answered, sent])
    assert opened is not None
    settle(queue, settlement(answered, opened, Result.ANSWERED, {0: HAPPY}))

    with queue.database.read() as session:
        uses = attempts.past_uses(
            session, queue.model_id, unheard_tokens=1000, since=NOW - MINUTE, now=NOW + MINUTE
        )
        none = attempts.past_uses(
            session, queue.model_id, unheard_tokens=1000, since=NOW, now=NOW + MINUTE
        )

    assert {k: sorted(v) for k, v in uses.items()} == {"anonymous": [(0.0, 1000), (60.0, 15)]}
    assert none == {}
