"""Calls held to budgets: on both databases, through crashes, and by workers that race."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select, update

from core import attempts, leases, rescue, runs, settling, spent, teams
from core.attempts import Heard, Opened, OpenedOrNot, Opening
from core.db import Base, Database
from core.leases import Leased
from core.rules.budgets import Tally, Whose, month_of
from core.rules.readings import Exchange, Reading
from core.rules.states import RequestState
from core.rules.strategy import Verdict
from core.settling import Settlement
from core.spending import Books, OverBudget
from core.tables import Attempt, Job, JobSpend, ModelSpend, Request, Run, TeamSpend
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Result
from tests import rows
from tests.core.conftest import Queue, plan
from tests.rows import LATER, NOW


def lease(database: Database, model_id: UUID, *, slots: int, owner: str = "me") -> list[Leased]:
    with database.write.begin() as session:
        return leases.lease(
            session, model_id, owner=owner, slots=slots, now=LATER, lasts=timedelta(minutes=1)
        )


def send(
    database: Database,
    requests: Sequence[Leased],
    most: int | None,
    *,
    owner: str = "me",
    at: datetime = NOW,
) -> list[OpenedOrNot]:
    openings = [Opening(r, owner, "anonymous", {}, "0" * 64, at, most) for r in requests]
    with database.write.begin() as session, Books(session) as books:
        runs.hold(session, {r.run_id for r in requests})
        return attempts.open_all(session, openings, books)


def settle(
    database: Database,
    request: Leased,
    attempt_id: int,
    result: Result,
    cost: int | None,
    *,
    state: RequestState = RequestState.DUE,
) -> None:
    status = None if result is Result.TIMEOUT else 200
    heard = Heard(attempt_id, Exchange(status, {}, b"", 0.1), Reading(result), cost, LATER)
    settlement = Settlement(request, "me", Verdict(state), NOW, None, (), heard)
    with database.write.begin() as session, Books(session) as books:
        settling.settle_all(session, [settlement], books)


def give_back(database: Database, requests: Sequence[Leased]) -> None:
    settlements = [Settlement(r, "me", Verdict(RequestState.DUE), NOW, None) for r in requests]
    with database.write.begin() as session, Books(session) as books:
        settling.settle_all(session, settlements, books)


def bound(database: Database, job_id: UUID, **columns: int | None) -> None:
    with database.write.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(**columns))


def job_spend(database: Database, job_id: UUID) -> Tally:
    with database.read() as session:
        found = session.get(JobSpend, job_id)
        return Tally() if found is None else found.tally


def from_rows(database: Database, job_id: UUID) -> Tally:
    """Return what a job has spent by its attempts alone."""
    under_way = Attempt.result == Result.SENT
    with database.read() as session:
        spent, reserved, count = session.execute(
            select(
                func.coalesce(func.sum(Attempt.cost_nano), 0)
                + func.coalesce(func.sum(Attempt.reserved_nano).filter(~under_way), 0),
                func.coalesce(func.sum(Attempt.reserved_nano).filter(under_way), 0),
                func.count(),
            )
            .join(Run, Run.id == Attempt.run_id)
            .where(Run.job_id == job_id)
        ).one()
    return Tally(int(spent or 0), int(reserved or 0), count)


def kinds(ends: Sequence[OpenedOrNot]) -> list[str]:
    return [
        "later" if isinstance(end, OverBudget) and end.for_now else type(end).__name__
        for end in ends
    ]


def test_what_is_sent_is_reserved_and_what_it_cost_takes_its_place(queue: Queue) -> None:
    first, second, _ = lease(queue.database, queue.model_id, slots=3)
    opened, _ = send(queue.database, [first, second], 70)
    assert isinstance(opened, Opened)
    before = job_spend(queue.database, queue.job_id)

    settle(queue.database, first, opened.id, Result.ANSWERED, 30)

    assert before == Tally(0, 140, 2)
    assert job_spend(queue.database, queue.job_id) == Tally(30, 70, 2)
    with queue.database.read() as session:
        (month,) = teams.months(session, DEFAULT_ID)
        assert (month.month, month.tally) == (date(2026, 1, 1), Tally(30, 70, 2))


def test_what_models_cost_is_told_by_the_month_and_in_all(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        idle = rows.model(session, "idle").id
    first, second, third = lease(queue.database, queue.model_id, slots=3)
    (opened,) = send(queue.database, [first], 70)
    assert isinstance(opened, Opened)
    settle(queue.database, first, opened.id, Result.ANSWERED, 30)
    send(queue.database, [second, third], 50, at=NOW + timedelta(days=31))

    with queue.database.read() as session:
        found = spent.of_models(session, [queue.model_id, idle], month=date(2026, 2, 1))
        pages = [spent.page(session, model=None, after=None, limit=1)]
        pages.append(spent.page(session, model="local", after=pages[0].next_key, limit=1))
        none = spent.page(session, model="idle", after=None, limit=1)

    assert found[queue.model_id].this_month == Tally(0, 100, 2)
    assert found[queue.model_id].total == Tally(30, 100, 3)
    assert found[idle].total == Tally()
    assert [(row.month.month, row.tally) for page in pages for row in page.rows] == [
        (2, Tally(0, 100, 2)),
        (1, Tally(30, 0, 1)),
    ]
    assert (pages[1].next_key, none.rows) == (None, [])


def test_calls_of_one_group_are_let_in_in_their_order_as_long_as_they_fit(queue: Queue) -> None:
    bound(queue.database, queue.job_id, budget_nano=100)
    requests = lease(queue.database, queue.model_id, slots=3)

    ends = send(queue.database, requests, 45)

    assert kinds(ends) == ["Opened", "Opened", "later"]
    assert job_spend(queue.database, queue.job_id) == Tally(0, 90, 2)
    # The run rests until something comes back.
    assert queue.run().rests_until == NOW + timedelta(seconds=1)


def test_a_call_that_no_return_would_make_room_for_is_out_of_budget(queue: Queue) -> None:
    bound(queue.database, queue.job_id, budget_nano=100)
    first, second, _ = lease(queue.database, queue.model_id, slots=3)
    (opened,) = send(queue.database, [first], 90)
    assert isinstance(opened, Opened)
    settle(queue.database, first, opened.id, Result.ANSWERED, 80)

    openings = [Opening(second, "me", "anonymous", {}, "0" * 64, NOW, 50)]
    with queue.database.write.begin() as session, Books(session) as books:
        ends = attempts.open_all(session, openings, books)

    assert attempts.out_of_budget(openings, ends) == {
        queue.run_id: OverBudget(
            "budget of $0.0000001 reached: $0.00000008 spent, the next call may cost"
            f" $0.00000005; raise it with PATCH /v1/jobs/{queue.job_id} or"
            f" `gerbench jobs budget {queue.job_id} --usd N`, then resume",
            Whose.JOB,
            for_now=False,
        )
    }
    assert queue.run().attempts == 1


def test_requests_are_counted_with_every_try(queue: Queue) -> None:
    bound(queue.database, queue.job_id, budget_requests=2)
    requests = lease(queue.database, queue.model_id, slots=3)

    ends = send(queue.database, requests, None)

    assert kinds(ends) == ["Opened", "Opened", "OverBudget"]


def test_a_model_without_prices_is_not_sent_under_a_budget_in_dollars(queue: Queue) -> None:
    bound(queue.database, queue.job_id, budget_nano=100)

    (end,) = send(queue.database, lease(queue.database, queue.model_id, slots=1), None)

    assert isinstance(end, OverBudget)
    assert end.reason.startswith("the model has no prices")


def test_a_month_s_budget_of_the_team_holds_all_of_its_jobs_and_is_new_each_month(
    database: Database,
) -> None:
    with database.write.begin() as session:
        model = rows.model(session)
        dataset, template = rows.dataset(session, 10), rows.template(session)
        for _ in range(2):
            rows.job(session, dataset, model, template)
        teams.get(session, DEFAULT_ID).monthly_budget_nano = 100
        found = session.scalars(select(Run.id)).all()
    for run_id in found:
        plan(database, run_id)
    requests = lease(database, model.id, slots=6)

    ends = send(database, requests[:5], 60)
    later = send(database, requests[5:], 60, at=NOW + timedelta(days=31))

    assert len({r.run_id for r in requests[:5]}) == 2
    assert kinds(ends) == ["Opened", "later", "later", "later", "later"]
    assert kinds(later) == ["Opened"]
    assert isinstance(ends[1], OverBudget)
    assert "January's budget of team default of $0.0000001 reached" in ends[1].reason
    assert "PATCH /v1/team" in ends[1].reason


def test_an_attempt_that_nobody_heard_counts_as_spent_until_a_late_reply_corrects_it(
    queue: Queue,
) -> None:
    (request,) = lease(queue.database, queue.model_id, slots=1)
    (opened,) = send(queue.database, [request], 70)
    assert isinstance(opened, Opened)

    with queue.database.write.begin() as session:
        rescue.rescue(session, expired_before=None, jitter=0.0, now=LATER)
    unknown = job_spend(queue.database, queue.job_id)
    settle(queue.database, request, opened.id, Result.ANSWERED, 20)

    assert unknown == Tally(70, 0, 1)
    assert job_spend(queue.database, queue.job_id) == Tally(20, 0, 1)
    with queue.database.read() as session:
        assert attempts.get(session, opened.id).reserved_nano == 0


def test_two_workers_racing_for_the_last_cents_never_spend_them_twice(
    postgres_database_url: str,
) -> None:
    """Each worker has its own connections; only one call of three fits."""
    database = Database.at(postgres_database_url)
    with database.write.begin() as session:
        model = rows.model(session)
        dataset, template = rows.dataset(session, 40), rows.template(session)
        made = [rows.job(session, dataset, model, template) for _ in range(2)]
        teams.get(session, DEFAULT_ID).monthly_budget_nano = 1000
        found = session.scalars(select(Run.id)).all()
    for run_id in found:
        plan(database, run_id)
    start = Barrier(4)

    def work(number: int) -> int:
        own = Database.at(postgres_database_url)
        start.wait()
        sent = 0
        while requests := lease(own, model.id, slots=2, owner=f"w{number}"):
            ends = send(own, requests, 130, owner=f"w{number}")
            sent += sum(isinstance(end, Opened) for end in ends)
        own.close()
        return sent

    with ThreadPoolExecutor(4) as workers:
        sent = list(workers.map(work, range(4)))

    with database.read() as session:
        (month,) = teams.months(session, DEFAULT_ID)
    assert sum(sent) == 7
    assert month.tally == Tally(0, 910, 7)
    each = [job_spend(database, job.id) for job in made]
    assert each == [from_rows(database, job.id) for job in made]
    database.close()


ENDS = (
    Result.ANSWERED,
    Result.TIMEOUT,
    Result.RATE_LIMITED,
    Result.REFUSED,
    Result.SERVER_ERROR,
)


class Spending(RuleBasedStateMachine):
    """Calls of two jobs of one team: sent, ended, lost, heard late; budgets raised and lowered."""

    @initialize(
        team=strategies.none() | strategies.integers(0, 300),
        budgets=strategies.tuples(*[strategies.none() | strategies.integers(0, 200)] * 2),
    )
    def begin(self, team: int | None, budgets: tuple[int | None, ...]) -> None:
        self.database = Database.at("sqlite://")
        Base.metadata.create_all(self.database.engine)
        self.leased: list[Leased] = []
        self.under_way: list[tuple[Leased, int, int]] = []
        self.lost: list[tuple[Leased, int, int]] = []
        with self.database.write.begin() as session:
            teams.ensure_default(session)
            model = rows.model(session)
            dataset, template = rows.dataset(session, 24), rows.template(session)
            # Of different ages: whose request is leased first must not hang on random ids.
            made = [
                rows.job(session, dataset, model, template, created_at=NOW + timedelta(seconds=age))
                for age in range(len(budgets))
            ]
            teams.get(session, DEFAULT_ID).monthly_budget_nano = team
            # The ids of requests follow the age of their job, not the random one of their run.
            by_age = select(Run.id).join(Job, Job.id == Run.job_id).order_by(Job.created_at)
            found = session.scalars(by_age).all()
        for run_id in found:
            plan(self.database, run_id)
        self.model_id, self.jobs = model.id, [job.id for job in made]
        self.bounds: dict[Any, int | None] = {"team": team}
        for job, budget in zip(self.jobs, budgets, strict=True):
            bound(self.database, job, budget_nano=budget)
            self.bounds[job] = budget

    def _reset(self) -> None:
        """Let nothing wait: what rests, and when a request is due, is not the question here."""
        with self.database.write.begin() as session:
            session.execute(update(Run).values(rests_until=None))
            session.execute(update(Request).values(not_before=NOW))

    @rule(slots=strategies.integers(1, 4), most=strategies.integers(0, 90))
    def send(self, slots: int, most: int) -> None:
        self._reset()
        requests = lease(self.database, self.model_id, slots=slots)
        ends = send(self.database, requests, most)
        for request, end in zip(requests, ends, strict=True):
            if isinstance(end, Opened):
                self.under_way.append((request, end.id, most))
        opened = {request.id for request, _, _ in self.under_way}
        give_back(self.database, [r for r in requests if r.id not in opened])

    @precondition(lambda self: self.under_way)
    @rule(
        data=strategies.data(),
        result=strategies.sampled_from(ENDS),
        share=strategies.none() | strategies.floats(0, 1),
    )
    def end(self, data: strategies.DataObject, result: Result, share: float | None) -> None:
        which = data.draw(strategies.integers(0, len(self.under_way) - 1))
        request, attempt, most = self.under_way.pop(which)
        cost = None if share is None else int(most * share)
        settle(self.database, request, attempt, result, cost)

    @precondition(lambda self: self.under_way)
    @rule()
    def crash(self) -> None:
        with self.database.write.begin() as session:
            rescue.rescue(session, expired_before=None, jitter=0.0, now=NOW)
        self.lost, self.under_way = self.lost + self.under_way, []

    @precondition(lambda self: self.lost)
    @rule(share=strategies.none() | strategies.floats(0, 1))
    def hear_late(self, share: float | None) -> None:
        request, attempt, most = self.lost.pop()
        cost = None if share is None else int(most * share)
        settle(self.database, request, attempt, Result.ANSWERED, cost)

    @rule(which=strategies.integers(0, 1), more=strategies.integers(0, 100))
    def raise_budget(self, which: int, more: int) -> None:
        job = self.jobs[which]
        if self.bounds[job] is not None:
            self.bounds[job] = (self.bounds[job] or 0) + more
            bound(self.database, job, budget_nano=self.bounds[job])

    @invariant()
    def sums_are_those_of_the_rows_and_within_bounds(self) -> None:
        if not hasattr(self, "jobs"):
            return
        shared = Tally()
        for job in self.jobs:
            tally = job_spend(self.database, job)
            assert tally == from_rows(self.database, job)
            most = self.bounds[job]
            assert most is None or tally.spent + tally.reserved <= most
            shared += tally
        with self.database.read() as session:
            found = session.get(TeamSpend, (DEFAULT_ID, month_of(NOW)))
            of_models = session.scalars(select(ModelSpend)).all()
        assert (Tally() if found is None else found.tally) == shared
        assert sum((each.tally for each in of_models), Tally()) == shared
        most = self.bounds["team"]
        assert most is None or shared.spent + shared.reserved <= most

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()


Spending.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestSpending = pytest.mark.slow(Spending.TestCase)
