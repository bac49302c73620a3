"""The first call of a job against the real endpoint: alone, and decisive."""

from collections.abc import Callable

from sqlalchemy import select

from core import jobs
from core.db import utc_now
from core.tables import Attempt, Model, Run
from gerbench.endpoint.launch import LocalEndpoint
from tests.worker.conftest import SAMPLES, read, submit, work
from worker.engine import Engine

Serve = Callable[..., LocalEndpoint]


def resume(engine: Engine, run: Run) -> None:
    with engine.database.write.begin() as session:
        jobs.resume(session, jobs.owner(run), now=utc_now())


def redirect(engine: Engine, base_url: str) -> None:
    """Correct the model's address."""
    with engine.database.write.begin() as session:
        model = session.scalars(select(Model)).one()
        model.spec = {**model.spec, "base_url": base_url}


def attempts(engine: Engine) -> list[Attempt]:
    with engine.database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def test_one_call_goes_ahead_and_is_part_of_the_run(engine: Engine, serve: Serve) -> None:
    endpoint = serve(latency_ms=100)

    run = work(engine, submit(engine, endpoint.base_url, batch_size=1))

    first, *others = attempts(engine)
    assert first.finished_at is not None
    assert min(each.sent_at for each in others) >= first.finished_at
    assert (run.status, run.answered, run.attempts) == ("completed", SAMPLES, SAMPLES)
    assert run.canary_passed_at is not None
    assert len(endpoint.log) == SAMPLES


def test_a_wrong_address_pauses_the_run_with_its_words_after_exactly_one_call(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve()
    nowhere = endpoint.base_url.removesuffix("/v1") + "/nowhere"

    run = work(engine, submit(engine, nowhere, batch_size=1))

    (call,) = attempts(engine)
    assert call.status == 404
    assert (run.status, run.failed, run.attempts) == ("paused", 0, 1)
    assert run.reason is not None
    assert run.reason.startswith("the first call was rejected: ")
    assert str(call.reason) in run.reason


def test_a_resumed_run_tries_another_and_loses_no_sample(engine: Engine, serve: Serve) -> None:
    endpoint = serve()
    nowhere = endpoint.base_url.removesuffix("/v1") + "/nowhere"
    run = work(engine, submit(engine, nowhere, batch_size=1))
    resume(engine, run)
    again = work(engine, run.id)

    redirect(engine, endpoint.base_url)
    resume(engine, again)
    ended = work(engine, run.id)

    assert (again.status, again.attempts) == ("paused", 2)
    assert (ended.status, ended.answered, ended.failed) == ("completed", SAMPLES, 0)


def test_a_batch_that_is_too_large_pauses_once_and_is_split_when_resumed(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(max_body_mb=0.002)

    run = work(engine, submit(engine, endpoint.base_url, batch_size=SAMPLES))
    paused = read(engine, run.id)
    resume(engine, run)
    ended = work(engine, run.id)

    assert (paused.status, paused.attempts) == ("paused", 1)
    assert paused.reason is not None
    assert paused.reason.startswith(f"the first call, of {SAMPLES} samples, is too large for")
    assert (ended.status, ended.answered) == ("completed", SAMPLES)


def test_faults_are_neither_and_a_refusal_passes(engine: Engine, serve: Serve) -> None:
    faulty = serve(fail_share=0.6, fail_kind="503", refuse_share=0.0, seed=4)

    run = work(engine, submit(engine, faulty.base_url, batch_size=20))

    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert run.canary_passed_at is not None


def test_a_refused_canary_lets_the_others_go(engine: Engine, serve: Serve) -> None:
    run = work(engine, submit(engine, serve(refuse_share=1.0).base_url, batch_size=1))

    assert (run.status, run.refused) == ("completed", SAMPLES)


def test_a_canary_of_a_batch_job_goes_online(engine: Engine, serve: Serve) -> None:
    endpoint = serve()
    nowhere = endpoint.base_url.removesuffix("/v1") + "/nowhere"

    run = work(engine, submit(engine, nowhere, dispatch="batch"))

    (call,) = attempts(engine)
    assert (run.status, call.batch_id, call.status) == ("paused", None, 404)
