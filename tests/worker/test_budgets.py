"""Budgets reached in mid-run, against the endpoint's own log."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select, update

from core import jobs
from core.db import utc_now
from core.rules.money import cost_nano
from core.rules.readings import Usage
from core.rules.specs import Prices
from core.tables import Attempt, Job, JobSpend, Run
from gerbench.endpoint.launch import LocalEndpoint
from tests.worker.conftest import SAMPLES, read, submit, work
from worker.engine import Engine

Serve = Callable[..., LocalEndpoint]

PRICES = {"input_per_mtok": 1.0, "output_per_mtok": 2.0}
COST = cost_nano(Prices(**PRICES), Usage(1000, 0)) or 0
"""Of a thousand tokens in: what a call may cost here is about two of these."""


def bound(engine: Engine, run: Run, **columns: int | None) -> None:
    with engine.database.write.begin() as session:
        session.execute(update(Job).where(Job.id == run.job_id).values(**columns))


def billed(endpoint: LocalEndpoint) -> int:
    """Return what the endpoint would bill, in billionths of a dollar, going by its own log."""
    prices = Prices(**PRICES)
    return sum(
        cost_nano(prices, Usage(entry.prompt_tokens, entry.completion_tokens)) or 0
        for entry in endpoint.log
        if entry.billed
    )


def spent(engine: Engine, run: Run) -> JobSpend:
    with engine.database.read() as session:
        return session.scalars(select(JobSpend).where(JobSpend.job_id == run.job_id)).one()


def bounded(engine: Engine, endpoint: LocalEndpoint, **columns: int | None) -> UUID:
    run_id = submit(engine, endpoint.base_url, batch_size=1, prices=PRICES, max_tokens=1000)
    bound(engine, read(engine, run_id), **columns)
    return run_id


def test_a_budget_reached_with_calls_in_flight_is_never_overspent(
    engine: Engine, serve: Serve
) -> None:
    endpoint, budget = serve(latency_ms=20, jitter_ms=15), 6 * COST

    run = work(engine, bounded(engine, endpoint, budget_nano=budget))

    total = spent(engine, run)
    assert run.status == "paused"
    assert run.reason is not None
    assert run.reason.startswith("budget of $0.006 reached: $0.00")
    assert 0 < run.answered < SAMPLES
    assert billed(endpoint) == total.spent_nano == run.cost_nano <= budget
    assert (total.reserved_nano, total.attempts) == (0, len(endpoint.log))
    # What was reserved came back and was used: less is left than one more call may cost.
    assert budget - total.spent_nano < 3 * COST


def test_a_budget_that_is_raised_lets_a_resumed_job_end(engine: Engine, serve: Serve) -> None:
    run = work(engine, bounded(engine, serve(), budget_nano=6 * COST))

    bound(engine, run, budget_nano=1000 * COST)
    with engine.database.write.begin() as session:
        jobs.resume(session, jobs.owner(run), now=utc_now())

    ended = work(engine, run.id)
    assert (ended.status, ended.answered, ended.reason) == ("completed", SAMPLES, None)


def test_a_budget_in_requests_is_met_exactly(engine: Engine, serve: Serve) -> None:
    endpoint = serve(latency_ms=10, fail_share=0.2, fail_kind="500")

    run = work(engine, bounded(engine, endpoint, budget_requests=15))

    assert (run.status, len(endpoint.log), run.attempts) == ("paused", 15, 15)
    assert run.reason is not None
    assert run.reason.startswith("budget of 15 requests reached: 15 were sent; raise it with")


def test_calls_that_nobody_heard_whole_count_at_their_most(engine: Engine, serve: Serve) -> None:
    endpoint = serve(fail_share=1.0, fail_kind="truncated")

    run = work(engine, bounded(engine, endpoint, budget_nano=6 * COST))

    total = spent(engine, run)
    with engine.database.read() as session:
        kept = session.scalars(select(Attempt.reserved_nano)).all()
    assert (run.status, run.cost_nano) == ("paused", 0)
    assert (total.spent_nano, total.reserved_nano) == (sum(kept), 0)
    assert billed(endpoint) <= total.spent_nano <= 6 * COST
