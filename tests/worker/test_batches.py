"""Batches against the real endpoint: whatever becomes of them, each sample ends once."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import select, update

from core import batch_lines, batches, jobs, models, runs
from core.db import utc_now
from core.rules.batches import BatchState
from core.rules.submissions import Submission
from core.tables import Attempt, Batch, Job, Prediction, Request, Run
from core.traces import Attributes, Kind, NoSpan, NoTraces
from gerbench.endpoint.launch import LocalEndpoint
from tests.worker.conftest import SAMPLES, read, submit
from worker.batches import advance, gather
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.planner import plan
from worker.upkeep import tidy

Serve = Callable[..., LocalEndpoint]
DAY = timedelta(days=1)
PRICES = {"input_per_mtok": 2.0, "output_per_mtok": 4.0}


def submit_batch(engine: Engine, base_url: str, **model: Any) -> UUID:
    return submit(engine, base_url, dispatch="batch", canary=False, prices=PRICES, **model)


def step(engine: Engine) -> None:
    """Do what a tick would wake, all waits over."""
    later = utc_now() + DAY
    with engine.database.write.begin() as session:
        session.execute(update(Request).values(not_before=utc_now()))
        session.execute(update(Batch).where(Batch.poll_at.is_not(None)).values(poll_at=utc_now()))
    with engine.database.read() as session:
        gatherable = batches.gatherable(session, now=later)
        due = batches.due(session, now=later)
    for job_id, model_id in gatherable:
        gather(engine, job_id, model_id)
    for batch_id in due:
        advance(engine, batch_id)


def finish(engine: Engine, run_id: UUID, *, most: int = 200) -> Run:
    """Step until nothing moves the run any more."""
    for _ in range(most):
        run = read(engine, run_id)
        if run.status != "running":
            return run
        step(engine)
        assert run.model_id is not None
        engine.run(dispatch(engine, run.model_id))
        tidy(engine.database, now=utc_now())
    raise AssertionError(
        [(b.state, b.ending, b.lines, b.allowed, b.reason) for b in all_of(engine, Batch)]
    )


def all_of(engine: Engine, table: type[Any]) -> list[Any]:
    with engine.database.read() as session:
        return list(session.scalars(select(table)))


def job_of(engine: Engine, run_id: UUID) -> UUID:
    return jobs.owner(read(engine, run_id))


def billed(endpoint: LocalEndpoint) -> Counter[str]:
    return Counter(text for entry in endpoint.log if entry.billed for text in entry.texts)


def stands(engine: Engine, state: BatchState, *, most: int = 50) -> Batch:
    """Step until the one batch stands in a state."""
    for _ in range(most):
        found = all_of(engine, Batch)
        if found and found[-1].state is state:
            return found[-1]  # type: ignore[no-any-return]
        step(engine)
    raise AssertionError(f"no batch is {state}: {found}")


def test_every_sample_is_answered_at_half_the_price(engine: Engine, serve: Serve) -> None:
    endpoint = serve()

    run = finish(engine, submit_batch(engine, endpoint.base_url))

    (batch,) = all_of(engine, Batch)
    assert (run.status, run.answered, run.attempts, run.requests) == ("completed", SAMPLES, 4, 4)
    assert (batch.state, batch.lines, batch.completed, batch.failed) == ("done", 4, 4, 0)
    assert {entry.batch for entry in endpoint.log} == {batch.provider_id}
    assert set(billed(endpoint).values()) == {1}
    full = run.prompt_tokens * 2_000 + run.completion_tokens * 4_000
    assert run.cost_nano == full // 2
    assert run.lost_nano == 0


class Recorder(NoTraces):
    """Traces that somebody is told of: the name of each span, its job and its parent."""

    on = True

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any, str | None]] = []

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        parent: str | None = None,
        kind: Kind = "internal",
    ) -> NoSpan:
        self.spans.append((name, attributes.get("gerbench.job"), parent))
        return super().span(name, attributes, parent=parent, kind=kind)


def test_each_step_of_a_batch_is_a_span_of_its_jobs_trace(engine: Engine, serve: Serve) -> None:
    run_id = submit_batch(engine, serve().base_url)
    job, parent = job_of(engine, run_id), f"00-{7:032x}-{9:016x}-01"
    with engine.database.write.begin() as session:
        session.execute(update(Job).values(traceparent=parent))
    engine.traces = recorder = Recorder()

    finish(engine, run_id)

    steps = [span for span in recorder.spans if span[0].startswith("batch ")]
    assert [name for name, *_ in steps[:2]] == ["batch preparing", "batch uploading"]
    assert {name for name, *_ in steps[2:-1]} == {"batch submitted"}
    assert steps[-1][0] == "batch harvesting"
    assert {span[1:] for span in steps} == {(str(job), parent)}


def test_the_responses_api_has_a_batch_mode_too(engine: Engine, serve: Serve) -> None:
    endpoint = serve()

    run = finish(engine, submit_batch(engine, endpoint.base_url, wire="openai-responses"))

    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert set(billed(endpoint).values()) == {1}
    assert run.cost_nano > 0


def test_a_result_line_is_kept_verbatim(engine: Engine, serve: Serve) -> None:
    finish(engine, submit_batch(engine, serve().base_url))

    for attempt in all_of(engine, Attempt):
        line = orjson.loads(attempt.body)
        assert line["custom_id"] == str(attempt.id)
        assert line["response"]["status_code"] == attempt.status == 200
        assert attempt.headers == {"x-request-id": line["response"]["request_id"]}
        assert "Text 1" in str(attempt.sent)
    assert not list(engine.scratch.iterdir())


@pytest.mark.parametrize(
    ("faults", "again"),
    [
        ({"fail_share": 0.5, "seed": 1}, "planned"),
        ({"fail_share": 0.5, "fail_kind": "hang", "seed": 1}, "planned"),
        ({"missing_share": 1.0}, "missing"),
        ({"length_share": 0.5, "seed": 2}, "length"),
        ({"refuse_share": 0.5, "refusal_form": "http", "seed": 3}, "refusal"),
        ({"truncate_json_share": 0.5, "seed": 1}, "planned"),
    ],
    ids=str,
)
def test_errors_and_re_asks_are_sent_one_by_one_online(
    engine: Engine, serve: Serve, faults: dict[str, Any], again: str
) -> None:
    endpoint = serve(**faults)
    run_id = submit_batch(engine, endpoint.base_url, timeout_s=1)
    # What hangs by itself would hang online, too: there the endpoint is one that does not.
    stands(engine, BatchState.DONE)
    healthy = serve()
    change_model(engine, base_url=healthy.base_url)

    run = finish(engine, run_id)

    (batch,) = all_of(engine, Batch)
    attempts = all_of(engine, Attempt)
    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert {a.batch_id for a in attempts if a.number == 1 and a.id <= 4} == {batch.id}
    online = [attempt for attempt in attempts if attempt.batch_id is None]
    assert online
    assert len(healthy.log) == len(online)
    causes = {r.cause for r in all_of(engine, Request) for a in online if a.request_id == r.id}
    assert again in causes
    assert all(entry.batch is None for entry in healthy.log)


def change_model(engine: Engine, **changes: Any) -> None:
    with engine.database.write.begin() as session:
        models.change(session, "local", changes)


def test_what_expired_goes_into_the_next_batch_and_is_not_paid_for_twice(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(batch_share=0.75, batch_window_s=0.5)

    run = finish(engine, submit_batch(engine, endpoint.base_url), most=2000)

    made = all_of(engine, Batch)
    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert [batch.state for batch in made[:-1]] == ["expired"] * (len(made) - 1)
    assert len(made) >= 2
    assert set(billed(endpoint).values()) == {1}
    withdrawn = [a for a in all_of(engine, Attempt) if a.result == "withdrawn"]
    assert withdrawn
    assert all("completion window expired" in a.reason and a.cost_nano is None for a in withdrawn)
    assert all(r.failures == 0 for r in all_of(engine, Request))


def test_batches_that_expire_unanswered_time_and_again_ask_for_a_person(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(batch_share=0, batch_window_s=0.05)

    run = finish(engine, submit_batch(engine, endpoint.base_url), most=2000)

    assert run.status == "paused"
    assert "all expired without an answer" in str(run.reason)
    assert [batch.state for batch in all_of(engine, Batch)] == ["expired"] * 3
    assert {request.state for request in all_of(engine, Request)} == {"waiting"}


@pytest.mark.parametrize("move", [jobs.pause, jobs.cancel])
def test_a_stopped_job_cancels_its_batch_and_keeps_what_was_answered(
    engine: Engine, serve: Serve, move: Callable[..., Any]
) -> None:
    endpoint = serve(batch_share=0.5, batch_window_s=600)
    run_id = submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    while len(endpoint.log) < 2:
        step(engine)

    with engine.database.write.begin() as session:
        move(session, job_of(engine, run_id), now=utc_now())
    batch = stands(engine, BatchState.CANCELLED)
    tidy(engine.database, now=utc_now())

    run = read(engine, run_id)
    assert (batch.ending, batch.completed) == ("cancelled", 2)
    assert (run.answered, run.samples) == (20, SAMPLES)
    states = Counter(request.state for request in all_of(engine, Request))
    left = "waiting" if move is jobs.pause else "cancelled"
    assert states == {"done": 2, left: 2}
    assert Counter(a.result for a in all_of(engine, Attempt)) == {"answered": 2, "withdrawn": 2}


def test_a_resumed_job_sends_the_rest_in_another_batch(engine: Engine, serve: Serve) -> None:
    endpoint = serve(batch_seconds=600)
    run_id = submit_batch(engine, endpoint.base_url)
    stands(engine, BatchState.SUBMITTED)
    with engine.database.write.begin() as session:
        jobs.pause(session, job_of(engine, run_id), now=utc_now())
    stands(engine, BatchState.CANCELLED)
    quick = serve()
    change_model(engine, base_url=quick.base_url)
    with engine.database.write.begin() as session:
        jobs.resume(session, job_of(engine, run_id), now=utc_now())

    run = finish(engine, run_id)

    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert set(billed(quick).values()) == {1}
    assert not billed(endpoint)


def test_a_batch_is_polled_where_it_was_made(engine: Engine, serve: Serve) -> None:
    endpoint, other = serve(), serve()
    run_id = submit_batch(engine, endpoint.base_url)
    stands(engine, BatchState.SUBMITTED)
    change_model(engine, base_url=other.base_url)

    assert finish(engine, run_id).answered == SAMPLES
    assert other.log == []


def test_what_is_too_much_to_enqueue_goes_in_smaller_files(engine: Engine, serve: Serve) -> None:
    endpoint = serve(batch_lines=2)

    run = finish(engine, submit_batch(engine, endpoint.base_url))

    made = all_of(engine, Batch)
    assert (run.status, run.answered) == ("completed", SAMPLES)
    assert [(b.state, b.lines) for b in made][:2] == [("failed", 4), ("done", 2)]
    assert "Enqueued token limit" in made[0].reason
    assert set(billed(endpoint).values()) == {1}


def test_a_line_that_is_too_much_by_itself_pauses_the_run(engine: Engine, serve: Serve) -> None:
    endpoint = serve(batch_lines=0)

    run = finish(engine, submit_batch(engine, endpoint.base_url))

    assert run.status == "paused"
    assert "the provider turned a batch down: token_limit_exceeded" in str(run.reason)
    lines = [batch.lines for batch in all_of(engine, Batch)]
    assert (lines[:2], lines[-1]) == ([4, 2], 1)
    assert endpoint.log == []


def test_a_provider_without_batch_mode_pauses_the_run_and_says_so(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve()
    nowhere = endpoint.base_url.removesuffix("/v1") + "/nothing"

    run = finish(engine, submit_batch(engine, nowhere))

    (batch,) = all_of(engine, Batch)
    assert (run.status, run.answered) == ("paused", 0)
    assert "the provider takes no batch: Not Found" in str(run.reason)
    assert (batch.state, batch.ending) == ("failed", "rejected")
    assert {r.state for r in all_of(engine, Request)} == {"waiting"}


def test_a_rejected_credential_pauses_the_run(engine: Engine, serve: Serve) -> None:
    endpoint = serve(api_key=("sk-right",))

    run = finish(engine, submit_batch(engine, endpoint.base_url))

    assert run.status == "paused"
    assert "was rejected: You didn't provide an API key" in str(run.reason)
    assert endpoint.log == []


def test_a_batch_that_is_gone_leaves_its_lines_unknown_and_asks_again(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(batch_seconds=600)
    run_id = submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    with engine.database.write.begin() as session:
        session.execute(update(Batch).values(provider_id="batch_forgotten"))
    gone = stands(engine, BatchState.FAILED)
    quick = serve()
    change_model(engine, base_url=quick.base_url)

    run = finish(engine, run_id)

    assert (gone.id, gone.ending) == (batch.id, "gone")
    assert "No batch found" in str(gone.reason)
    assert (run.status, run.answered, run.unknown_attempts) == ("completed", SAMPLES, 4)
    assert Counter(a.result for a in all_of(engine, Attempt)) == {"unknown": 4, "answered": 4}
    assert all(request.failures == 1 for request in all_of(engine, Request))


def test_harvesting_again_changes_nothing(engine: Engine, serve: Serve) -> None:
    run_id = submit_batch(engine, serve().base_url)
    finish(engine, run_id)
    before = read(engine, run_id)
    with engine.database.write.begin() as session:
        session.execute(
            update(Batch).values(state=BatchState.HARVESTING, finished_at=None, poll_at=utc_now())
        )

    step(engine)

    after = read(engine, run_id)
    assert all_of(engine, Batch)[0].state == "done"
    for total in ("answered", "attempts", "cost_nano", "prompt_tokens", "unknown_attempts"):
        assert getattr(after, total) == getattr(before, total)
    assert len(all_of(engine, Prediction)) == SAMPLES


def test_a_batch_whose_creation_nobody_heard_is_found_and_not_made_again(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(batch_seconds=600)
    run_id = submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    _forget(engine, batch)

    found = stands(engine, BatchState.SUBMITTED)

    assert found.provider_id == batch.provider_id
    assert len(_at(endpoint)) == 1
    assert read(engine, run_id).attempts == 4


def test_a_creation_that_never_happened_is_asked_for_again_after_a_while(
    engine: Engine, serve: Serve
) -> None:
    endpoint, other = serve(batch_seconds=600), serve()
    submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    _forget(engine, batch, base_url=other.base_url, file_id=None)

    step(engine)
    waiting = all_of(engine, Batch)[0]
    with engine.database.write.begin() as session:
        session.execute(update(Batch).values(creating_at=utc_now() - timedelta(minutes=1)))
    made = stands(engine, BatchState.SUBMITTED)

    assert (waiting.state, waiting.provider_id) == ("uploading", None)
    assert waiting.poll_at > utc_now() + timedelta(seconds=10)
    assert len(_at(other)) == 1
    assert made.provider_id != batch.provider_id


@pytest.mark.parametrize("loss", ["list", "key"])
def test_a_creation_that_cannot_be_looked_up_is_never_taken_for_one_that_was_not(
    engine: Engine, serve: Serve, loss: str
) -> None:
    endpoint, closed = serve(batch_seconds=600), serve(api_key=("sk-right",))
    run_id = submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    away = {"list": f"{endpoint.base_url}/nothing", "key": closed.base_url}[loss]
    _forget(engine, batch, base_url=away)

    step(engine)

    found = all_of(engine, Batch)[0]
    results = {attempt.result for attempt in all_of(engine, Attempt)}
    if loss == "list":
        assert (found.ending, results) == ("gone", {"unknown"})
        assert read(engine, run_id).unknown_attempts == 4
    else:
        assert (found.state, found.ending, results) == ("uploading", None, {"sent"})
        assert "API key" in found.reason


def _forget(engine: Engine, batch: Batch, **values: Any) -> None:
    """Let a worker have died between asking for the batch and hearing of it."""
    forgotten = {"provider_id": None, "submitted_at": None, "creating_at": utc_now(), **values}
    with engine.database.write.begin() as session:
        session.execute(update(Batch).values(state=BatchState.UPLOADING, **forgotten))


def _at(endpoint: LocalEndpoint) -> list[Any]:
    return endpoint._endpoint._batches.listed(None, 100)["data"]  # type: ignore[no-any-return]


def test_a_file_is_written_again_byte_for_byte(engine: Engine, serve: Serve) -> None:
    endpoint = serve(batch_seconds=600)
    submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    first = _content(endpoint, str(batch.file_id))
    other = serve(batch_seconds=600)
    _forget(engine, batch, base_url=other.base_url, creating_at=None, file_id=None)

    again = stands(engine, BatchState.SUBMITTED)

    assert _content(other, str(again.file_id)) == first
    assert [orjson.loads(line)["custom_id"] for line in first.splitlines()] == ["1", "2", "3", "4"]


def _content(endpoint: LocalEndpoint, file_id: str) -> bytes:
    return endpoint._endpoint._files.path(file_id).read_bytes()


def test_lines_of_a_changed_model_are_taken_out_and_asked_anew(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve()
    run_id = submit_batch(engine, endpoint.base_url)
    batch = stands(engine, BatchState.SUBMITTED)
    other = serve()
    _forget(engine, batch, base_url=other.base_url, creating_at=None, file_id=None)
    change_model(engine, max_tokens=500)

    run = finish(engine, run_id)

    assert (run.status, run.answered) == ("completed", SAMPLES)
    results = Counter(a.result for a in all_of(engine, Attempt))
    assert results == {"withdrawn": 4, "answered": 4}


def test_what_a_dead_worker_had_prepared_is_sent_and_the_rest_waits_again(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve()
    run_id = submit_batch(engine, endpoint.base_url)
    with engine.database.write.begin() as session:
        run = runs.get(session, run_id)
        assert run.job_id is not None
        assert run.model_id is not None
        batches.begin(
            session, run.job_id, run.model_id, credential="anonymous",
            base_url=endpoint.base_url, token="dead", until=utc_now() - DAY, now=utc_now(),
        )  # fmt: skip
        (batch,) = session.scalars(select(Batch)).all()
        assert len(batch_lines.take(session, batch, slots=3, now=utc_now())) == 3

    assert finish(engine, run_id).answered == SAMPLES
    assert [b.state for b in all_of(engine, Batch)] == ["cancelled", "done"]
    assert set(billed(endpoint).values()) == {1}


def test_each_job_has_files_of_its_own(engine: Engine, serve: Serve) -> None:
    endpoint = serve(batch_seconds=600)
    first = submit_batch(engine, endpoint.base_url)
    with engine.database.write.begin() as session:
        body = Submission.model_validate(jobs.get(session, job_of(engine, first)).submission)
        again = jobs.submit(session, body, idempotency_key=None, now=utc_now())
        (run,) = session.scalars(select(Run).where(Run.job_id == again.id))
        run.canary_passed_at, second = utc_now(), run.id
    list(plan(engine, second))

    step(engine)

    made = all_of(engine, Batch)
    assert {batch.job_id for batch in made} == {job_of(engine, first), job_of(engine, second)}
    assert [batch.lines for batch in made] == [4, 4]


def test_lines_take_no_room_under_the_limits_of_online_calls(engine: Engine, serve: Serve) -> None:
    endpoint = serve()
    run_id = submit_batch(engine, endpoint.base_url, limits={"rpm": 1, "rpd": 1})

    assert finish(engine, run_id).answered == SAMPLES
