"""Slices against the real endpoint: what comes back, whatever it does."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from core import closing, jobs, models
from core.db import utc_now
from core.limiter.interface import LimiterAway, Reserved, Wait
from core.limiter.memory import MemoryLimiter
from core.rules.states import RequestState
from core.tables import Attempt, JobSpend, Prediction, Request, Sample
from core.vocabulary import Cause, Result
from gerbench.endpoint.launch import LocalEndpoint
from tests import rows
from tests.worker.conftest import SAMPLES, read, submit, work
from worker import gate
from worker.call import NOT_SENT
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.gate import Gate
from worker.turnstile import GivenBack, Turnstile
from worker.upkeep import tidy

Serve = Callable[..., LocalEndpoint]


def attempts(engine: Engine) -> list[Attempt]:
    with engine.database.read() as session:
        return list(session.scalars(select(Attempt)))


def billed(endpoint: LocalEndpoint) -> Counter[str]:
    """Return how often each text was paid for."""
    return Counter(text for entry in endpoint.log if entry.billed for text in entry.texts)


def test_every_sample_is_answered_once_and_paid_for_once(engine: Engine, serve: Serve) -> None:
    endpoint = serve()

    run = work(engine, submit(engine, endpoint.base_url))

    assert (run.status, run.answered, run.attempts) == ("completed", SAMPLES, 4)
    assert len(billed(endpoint)) == SAMPLES
    assert set(billed(endpoint).values()) == {1}


def test_the_raw_reply_and_what_was_sent_are_kept(engine: Engine, serve: Serve) -> None:
    endpoint = serve()

    work(engine, submit(engine, endpoint.base_url, batch_size=SAMPLES))

    (attempt,) = attempts(engine)
    assert attempt.body is not None
    assert attempt.body.startswith(b'{"id":"chatcmpl-')
    assert attempt.sent_sha256 == endpoint.log[0].body
    assert "Text 1" in str(attempt.sent)


@pytest.mark.parametrize(
    "faults",
    [
        {"fail_share": 0.3},
        {"fail_share": 0.3, "fail_kind": "truncated"},
        {"fail_share": 0.3, "fail_kind": "html"},
        {"truncate_json_share": 0.3},
        {"missing_share": 0.5},
        {"wrong_count_share": 0.5, "reorder_share": 0.5},
        {"prose_share": 1.0},
        {"length_share": 0.3},
        {"stray_share": 0.5},
    ],
    ids=str,
)
def test_whatever_the_provider_does_every_sample_ends_answered(
    engine: Engine, serve: Serve, faults: dict[str, float]
) -> None:
    run = work(engine, submit(engine, serve(**faults).base_url))

    assert (run.status, run.answered) == ("completed", SAMPLES)


@pytest.mark.parametrize("form", ["http", "filter", "field", "prose"])
def test_a_refusal_of_any_form_is_split_down_and_believed(
    engine: Engine, serve: Serve, form: str
) -> None:
    endpoint = serve(refuse_share=1.0, refusal_form=form)

    run = work(engine, submit(engine, endpoint.base_url, batch_size=2))

    assert (run.status, run.refused, run.answered) == ("completed", SAMPLES, 0)
    with engine.database.read() as session:
        causes = Counter(session.scalars(select(Request.cause)))
    assert causes == {"planned": SAMPLES // 2, "refusal": SAMPLES}


def test_limits_that_are_declared_draw_no_429(engine: Engine, serve: Serve) -> None:
    endpoint = serve(concurrency=3)

    run = work(
        engine,
        submit(engine, endpoint.base_url, batch_size=1, limits={"rpm": 100_000, "concurrency": 3}),
    )

    assert run.answered == SAMPLES
    assert {entry.status for entry in endpoint.log} == {200}


def test_calls_whose_attempts_are_written_ahead_of_their_place_wait_for_it(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(concurrency=8, latency_ms=20)
    limits = {"rpm": 100_000, "concurrency": 8}

    run_id = submit(engine, endpoint.base_url, batch_size=1, limits=limits)
    run = work(engine, run_id)

    assert (run.answered, run.attempts) == (SAMPLES, SAMPLES)
    assert {entry.status for entry in endpoint.log} == {200}
    assert run.model_id is not None
    assert engine.courses[run.model_id].gate.ahead(8) > 0


def test_an_attempt_that_waits_too_long_for_its_place_is_taken_back_and_made_again(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(latency_ms=1000 * (gate.LONGEST_S + 0.5))
    run = read(
        engine,
        submit(
            engine,
            endpoint.base_url,
            batch_size=14,
            canary=False,
            limits={"rpm": 100_000, "concurrency": 2},
        ),
    )
    # As if the calls before had ended within milliseconds.
    engine.run(_ended(engine.courses[rows.model_of(run)].gate))

    run = work(engine, run.id)

    made = Counter(attempt.result for attempt in attempts(engine))
    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert made == {Result.ANSWERED: 3, Result.WITHDRAWN: 1}
    assert [entry.status for entry in endpoint.log] == [200] * 3
    assert {a.reason for a in attempts(engine)} == {None, NOT_SENT}
    with engine.database.read() as session:
        assert set(session.scalars(select(Request.failures))) == {0}
        assert session.scalars(select(JobSpend.reserved_nano)).all() == [0]


async def _ended(before: Gate) -> None:
    """Let a call pass at once."""
    await before.enter(2)
    before.leave(0.001)


def test_a_429_is_waited_out_and_loses_nothing(engine: Engine, serve: Serve) -> None:
    endpoint = serve(concurrency=1, latency_ms=5)

    run = work(engine, submit(engine, endpoint.base_url, batch_size=10))

    assert (run.status, run.answered, run.failed) == ("completed", SAMPLES, 0)
    assert set(billed(endpoint).values()) == {1}


def test_a_wrong_key_pauses_the_run_in_the_provider_s_words(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_KEY", "sk-wrong")
    endpoint = serve(api_key=("sk-right",))

    run = work(engine, submit(engine, endpoint.base_url, credentials=[{"env": "WRONG_KEY"}]))

    assert (run.status, run.failed) == ("paused", 0)
    assert run.reason is not None
    assert run.reason.startswith("env:WRONG_KEY was rejected: Incorrect API key")
    assert "sk-wrong" not in run.reason


def test_a_missing_key_pauses_the_run_before_anything_is_sent(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_KEY", raising=False)
    endpoint = serve()

    run = work(engine, submit(engine, endpoint.base_url, credentials=[{"env": "NO_KEY"}]))

    assert run.status == "paused"
    assert run.reason is not None
    assert "set NO_KEY in the environment" in run.reason
    assert endpoint.log == []
    assert run.attempts == 0


def test_a_paused_run_goes_on_when_its_key_is_there(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATE_KEY", raising=False)
    endpoint = serve(api_key=("sk-late",))
    run = work(engine, submit(engine, endpoint.base_url, credentials=[{"env": "LATE_KEY"}]))

    monkeypatch.setenv("LATE_KEY", "sk-late")
    with engine.database.write.begin() as session:
        jobs.resume(session, jobs.owner(run), now=utc_now())

    assert work(engine, run.id).answered == SAMPLES


def test_one_good_credential_of_two_is_enough(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD_KEY", "sk-bad")
    monkeypatch.setenv("GOOD_KEY", "sk-good")
    endpoint = serve(api_key=("sk-good",))
    keys = [{"env": "BAD_KEY"}, {"env": "GOOD_KEY"}]

    run = work(engine, submit(engine, endpoint.base_url, batch_size=1, credentials=keys))

    assert (run.status, run.answered) == ("completed", SAMPLES)


def test_a_provider_that_rejects_everything_later_pauses_the_run(
    engine: Engine, serve: Serve
) -> None:
    base_url = serve().base_url.removesuffix("/v1") + "/nowhere"

    slow = {"rpm": 100_000, "concurrency": 2}
    run = work(engine, submit(engine, base_url, batch_size=1, canary=False, limits=slow))

    assert run.status == "paused"
    assert run.reason is not None
    assert run.reason.startswith("5 requests in a row were rejected: ")
    assert 5 <= run.failed < SAMPLES


def test_a_request_too_large_for_the_model_is_split_without_being_sent(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve()
    small = {"body_mb": 0.002}

    run = work(engine, submit(engine, endpoint.base_url, capabilities=small, batch_size=40))

    assert (run.answered, run.failed) == (SAMPLES, 0)
    with engine.database.read() as session:
        causes = Counter(session.scalars(select(Request.cause)))
    assert causes[Cause.TOO_LARGE] > 0
    assert run.attempts < run.requests


def test_two_slices_of_one_process_do_not_compete(engine: Engine, serve: Serve) -> None:
    endpoint = serve(latency_ms=50)
    run = read(engine, submit(engine, endpoint.base_url, batch_size=1))

    threads = [
        threading.Thread(target=engine.run, args=(dispatch(engine, rows.model_of(run)),))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(billed(endpoint).values()) == {1}
    assert read(engine, run.id).answered == SAMPLES


def test_a_cancel_in_mid_run_lets_nothing_more_out(engine: Engine, serve: Serve) -> None:
    endpoint = serve(latency_ms=100)
    run_id = submit(
        engine, endpoint.base_url, batch_size=1, limits={"rpm": 100_000, "concurrency": 4}
    )
    run = read(engine, run_id)
    slice_ = threading.Thread(target=engine.run, args=(dispatch(engine, rows.model_of(run)),))
    slice_.start()
    while not read(engine, run_id).answered:
        pass  # the slice is at work in its own thread

    with engine.database.write.begin() as session:
        jobs.cancel(session, jobs.owner(run), now=utc_now())
        sent = len(session.scalars(select(Attempt)).all())
    slice_.join()
    tidy(engine.database, now=utc_now())

    assert len(attempts(engine)) == sent
    ended = read(engine, run_id)
    with engine.database.read() as session:
        kept = session.scalars(select(Prediction)).all()
        states = set(session.scalars(select(Request.state)))
    assert ended.status == "cancelled"
    assert len(kept) == ended.answered == sent
    assert states == {"done", "cancelled"}

    tidy(engine.database, now=utc_now())


def test_a_stopped_engine_leaves_what_it_did_not_send(engine: Engine, serve: Serve) -> None:
    endpoint = serve(latency_ms=200)
    run_id: UUID = submit(
        engine, endpoint.base_url, batch_size=1, limits={"rpm": 100_000, "concurrency": 2}
    )
    run = read(engine, run_id)
    slice_ = threading.Thread(target=engine.run, args=(dispatch(engine, rows.model_of(run)),))
    slice_.start()
    while not read(engine, run_id).attempts:
        pass  # the slice is at work in its own thread

    engine.loop.call_soon_threadsafe(engine.stopping.set)
    slice_.join()

    after = read(engine, run_id)
    with engine.database.read() as session:
        states = Counter(session.scalars(select(Request.state)))
    assert after.answered == after.attempts == states[RequestState.DONE]
    assert states[RequestState.DUE] == SAMPLES - after.answered
    assert states[RequestState.LEASED] == 0


def test_a_restart_remembers_what_the_provider_still_counts(engine: Engine, serve: Serve) -> None:
    endpoint = serve(rpm=5)
    run_id = submit(engine, endpoint.base_url, batch_size=10, limits={"rpm": 5})
    run = read(engine, run_id)
    with engine.database.write.begin() as session:
        jobs.pause(session, jobs.owner(run), now=utc_now())
        rows.past_attempts(session, run, 5, utc_now() - timedelta(seconds=5))
        jobs.resume(session, jobs.owner(run), now=utc_now())

    engine.run(dispatch(engine, rows.model_of(run)))

    assert endpoint.log == []
    assert engine.resting[rows.model_of(run)] > engine.loop.time()


class Full(MemoryLimiter):
    """A limiter with room for one call, and for the next one five seconds later."""

    def __init__(self) -> None:
        super().__init__()
        self.room_at = 0.0

    async def reserve(self, *args: Any, **options: Any) -> Reserved:
        if self.room_at:
            return Reserved((), Wait(self.room_at - time.monotonic(), "full"))
        self.room_at = time.monotonic() + 5.0
        return await super().reserve(*args, **options)


def test_what_a_slice_gives_back_is_due_when_there_was_to_be_room(
    engine: Engine, serve: Serve
) -> None:
    run = read(engine, submit(engine, serve().base_url))
    model_id = rows.model_of(run)
    with engine.database.read() as session:
        model = models.declared(session, model_id)
    engine.limiter = Full()

    async def stand_in_line() -> tuple[float, bool]:
        turnstile = Turnstile(engine, model_id, model, 1.0)
        turnstile.expect(2)
        await turnstile.enter(1)
        with pytest.raises(GivenBack) as given:
            await turnstile.enter(1)
        return given.value.wait_s, turnstile.over

    wait_s, over = engine.run(stand_in_line())

    assert 3.0 < wait_s < 4.5
    assert over


class Flaky(MemoryLimiter):
    """A limiter that cannot be reached every other time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def _answer(self) -> None:
        self.asked += 1
        if self.asked % 2:
            raise LimiterAway("the limits cannot be reached")

    async def reserve(self, *args: Any, **options: Any) -> Reserved:
        self._answer()
        return await super().reserve(*args, **options)

    async def settle(self, *args: Any, **options: Any) -> None:
        self._answer()
        await super().settle(*args, **options)


def test_an_answer_is_kept_while_the_limiter_is_away(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.turnstile.AWAY_S", 0.01)
    engine.limiter = Flaky()
    endpoint = serve()

    run = work(engine, submit(engine, endpoint.base_url))

    assert (run.status, run.answered, run.attempts) == ("completed", SAMPLES, 4)
    assert set(billed(endpoint).values()) == {1}


def test_a_run_over_numbers_is_scored_by_their_sign(engine: Engine, serve: Serve) -> None:
    endpoint = serve()
    labels = ("negative", "neutral", "positive")
    with engine.database.write.begin() as session:
        dataset = rows.dataset(
            session,
            9,
            name="levels",
            labels=labels,
            batch_size=9,
            scoring={
                "headline": "weighted_f1",
                "target": "sign",
                "map": {"negative": "negative", "neutral": "negative", "positive": "positive"},
            },
        )
        samples = session.scalars(select(Sample).where(Sample.dataset_id == dataset.id))
        for place, sample in enumerate(samples):
            sample.target, sample.target_number = None, (-1.4, 0.0, 0.2)[place % 3]

    run = work(engine, submit(engine, endpoint.base_url, dataset="levels", batch_size=None))

    with engine.database.read() as session:
        figures = closing.stored(session, run)
    assert (run.status, run.batch_size, figures.answered) == ("completed", 9, 9)
    assert (figures.excluded, figures.scored) == (3, 6)
    assert figures.confusion.labels == ("negative", "positive")
    assert figures.headline.value is not None
