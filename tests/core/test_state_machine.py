"""Requests, attempts and leases under any order of events, crashes among them.

Two workers lease, send, hear and die on a real database while a person pauses, resumes, cancels and
retries; what they do is what the worker does, one transaction for each step.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event

from core import again, attempts, jobs, leases, runs, settling
from core.attempts import Heard, Opened, Opening
from core.db import Base, Database
from core.errors import IllegalMove
from core.leases import Leased
from core.rules.readings import Answer, Exchange, Parsed, Reading, Usage
from core.rules.states import ENDED, OPEN_REQUEST, RequestState, Status
from core.rules.strategy import Verdict, decide
from core.settling import Settlement
from core.spending import Books
from core.tables import Run
from core.vocabulary import Result
from tests import rows
from tests.chaos.invariants import (
    Facts,
    every_sample_has_one_outcome,
    facts_of,
    nothing_is_left_open,
    totals_agree,
)
from worker.upkeep import tidy

SAMPLES = 6
BATCH = 3
LEASE = timedelta(seconds=100)
TICK = timedelta(microseconds=1)
"""No two leases of one request are of one moment."""
COST = 1000
HAPPY = Answer((rows.LABELS[0], *rows.LABELS[1:]))
FAULTS = (
    *(Result.REFUSED, Result.LENGTH, Result.TOO_LARGE, Result.RATE_LIMITED, Result.SERVER_ERROR),
    *(Result.TIMEOUT, Result.RESET, Result.MALFORMED, Result.REJECTED),
)
ROUNDS = 200
"""More than a drain can need."""

workers = st.sampled_from(["a", "b"])
few = st.integers(1, 3)
moments = st.sampled_from([1.0, 20.0, 150.0, 4000.0])
ended_by = st.one_of(
    st.just((Result.ANSWERED, 1.0)), st.just((Result.ANSWERED, 0.5)),
    st.just((Result.ANSWERED, 0.0)), st.sampled_from(FAULTS).map(lambda result: (result, 0.0)),
)  # fmt: skip
replies = st.lists(ended_by, min_size=1, max_size=3)


@cache
def blank() -> Path:
    """Return a SQLite file with every table and no rows."""
    path = Path(tempfile.mkdtemp(prefix="gerbench-")) / "blank.db"
    database = Database.at(f"sqlite:///{path}")
    Base.metadata.create_all(database.engine)
    database.close()
    return path


def _careless(connection: Any, _: object) -> None:
    """No power fails in a test."""
    connection.execute("PRAGMA synchronous = OFF")


@dataclass
class Hands:
    """What a worker process holds in memory; a kill empties it."""

    owner: str
    leased: dict[int, Leased] = field(default_factory=dict)
    sent: dict[int, tuple[Leased, Opened]] = field(default_factory=dict)


class Queue(RuleBasedStateMachine):
    """One job of two runs, and all that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="gerbench-"))
        path = shutil.copy(blank(), self._folder / "queue.db")
        self.database = Database.at(f"sqlite:///{path}")
        event.listen(self.database.engine, "connect", _careless)
        self.now = rows.NOW
        self._starts = count()
        self.hands = {name: self._start(name) for name in ("a", "b")}
        self.spool: list[Settlement] = []
        """Replies that dead workers left on disk."""

    def _start(self, name: str) -> Hands:
        return Hands(f"{name}:{next(self._starts)}")

    @initialize()
    def submit(self) -> None:
        with self.database.write.begin() as session:
            model = rows.model(session)
            made = rows.job(
                session, rows.dataset(session, SAMPLES), model, rows.template(session),
                runs=2, batch_size=BATCH,
            )  # fmt: skip
            self.model_id, self.job_id = model.id, made.id
        self.plan(BATCH)

    @precondition(lambda self: self._unplanned())
    @rule(size=st.sampled_from([BATCH, SAMPLES]))
    def plan(self, size: int) -> None:
        for run_id in self._unplanned()[:1]:
            with self.database.write.begin() as session:
                jobs.lock(session, self.job_id)
                run = runs.get(session, run_id)
                ids = runs.ordered_samples(session, run)[run.planned : run.planned + size]
                assert runs.plan(session, run, ids, at=run.planned, now=self.now)
                jobs.follow(session, self.job_id, now=self.now)

    def _unplanned(self) -> list[UUID]:
        with self.database.read() as session:
            return runs.unplanned(session)

    @rule(worker=workers, slots=few)
    def lease(self, worker: str, slots: int) -> None:
        hands = self.hands[worker]
        self.now += TICK
        with self.database.write.begin() as session:
            taken = leases.lease(
                session, self.model_id, owner=hands.owner, slots=slots, now=self.now, lasts=LEASE
            )
        for other in self.hands.values():
            held = other.leased.keys() | other.sent.keys()
            again_leased = {request.id for request in taken} & held
            assert not again_leased or self._lost(other, again_leased)
        hands.leased |= {request.id: request for request in taken}

    def _lost(self, hands: Hands, request_ids: set[int]) -> bool:
        """Forget leases that ended while their worker slept; tell whether they were all such."""
        for request in request_ids:
            hands.leased.pop(request, None)
        return all(
            request not in hands.sent or self._attempt(hands.sent[request][1].id) != "sent"
            for request in request_ids
        )

    def _attempt(self, attempt_id: int) -> Result:
        with self.database.read() as session:
            return attempts.get(session, attempt_id).result

    @rule(worker=workers, slots=few, repeated=st.booleans())
    def begin(self, worker: str, slots: int, repeated: bool) -> None:
        self.lease(worker, slots)
        self.send(worker, repeated)

    @rule(worker=workers, slots=few, how=replies, repeated=st.booleans())
    def serve(
        self, worker: str, slots: int, how: list[tuple[Result, float]], repeated: bool
    ) -> None:
        self.begin(worker, slots, repeated=False)
        self.hear(worker, how, repeated)

    def _with(self, what: str, worker: str) -> Hands:
        """Return the worker, or the other one where it has nothing of a kind in its hands."""
        hands = self.hands[worker]
        return hands if getattr(hands, what) else self.hands["b" if worker == "a" else "a"]

    def _any(self, what: str) -> bool:
        return any(getattr(hands, what) for hands in self.hands.values())

    @precondition(lambda self: self._any("leased"))
    @rule(worker=workers, repeated=st.booleans())
    def send(self, worker: str, repeated: bool) -> None:
        hands = self._with("leased", worker)
        leased, hands.leased = list(hands.leased.values()), {}
        openings = [
            Opening(r, hands.owner, "anonymous", {"model": "fer"}, "0" * 64, self.now, None)
            for r in leased
        ]
        statuses = {run.id: run.status for run in self._runs()}
        opened = self._open(openings)
        if repeated:
            # The commit happened, its answer was lost, and the database came back.
            assert self._open(openings, repeated=True) == opened
        for request, written in zip(leased, opened, strict=True):
            if written is not None:
                assert statuses[request.run_id] is Status.RUNNING
                hands.sent[request.id] = request, written

    def _open(self, openings: Sequence[Opening], *, repeated: bool = False) -> list[Opened | None]:
        open_all = again.open_all if repeated else attempts.open_all
        with self.database.write.begin() as session, Books(session) as books:
            runs.hold(session, {o.request.run_id for o in openings})
            ends = open_all(session, openings, books)
        return [end if isinstance(end, Opened) else None for end in ends]

    @precondition(lambda self: self._any("sent"))
    @rule(worker=workers, how=replies, repeated=st.booleans())
    def hear(self, worker: str, how: list[tuple[Result, float]], repeated: bool) -> None:
        hands = self._with("sent", worker)
        settlements = [
            self._settlement(hands.owner, *hands.sent.pop(request), *said)
            for request, said in zip(sorted(hands.sent), how, strict=False)
        ]
        self._settle(settlements)
        if repeated:
            self._settle(settlements, repeated=True)

    def _settlement(
        self, owner: str, request: Leased, opened: Opened, result: Result, share: float
    ) -> Settlement:
        answered = range(round(request.asked.size * share))
        parsed = Parsed(dict.fromkeys(answered, HAPPY)) if result is Result.ANSWERED else None
        reading = Reading(result, text="…", usage=Usage(10, 5), reason="words")
        verdict = decide(request.asked, reading, parsed, refusal=False, jitter=0.5)
        heard = Heard(opened.id, Exchange(200, {}, b"{}", 0.1), reading, COST, self.now)
        right = [frozenset({rows.LABELS[0]})] * request.asked.size
        return Settlement(request, owner, verdict, self.now, "words", right, heard)

    def _settle(self, settlements: Sequence[Settlement], *, repeated: bool = False) -> None:
        settle_all = again.settle_all if repeated else settling.settle_all
        with self.database.write.begin() as session, Books(session) as books:
            runs.hold(session, {s.request.run_id for s in settlements})
            tripped = settle_all(session, settlements, books)
        for run_id, reason in tripped.items():
            with self.database.write.begin() as session:
                jobs.stop(session, run_id, reason, now=self.now)

    @precondition(lambda self: self._any("leased"))
    @rule(worker=workers, repeated=st.booleans())
    def give_back(self, worker: str, repeated: bool) -> None:
        hands = self._with("leased", worker)
        unsent, hands.leased = list(hands.leased.values()), {}
        back = Verdict(RequestState.DUE)
        settlements = [Settlement(r, hands.owner, back, self.now, None) for r in unsent]
        self._settle(settlements)
        if repeated:
            # Leased again meanwhile: what is in hand must stay there.
            self.lease(next(name for name, each in self.hands.items() if each is hands), 3)
            self._settle(settlements, repeated=True)
            assert hands.leased.keys() <= self._leased_by(hands.owner)

    def _leased_by(self, owner: str) -> set[int]:
        return {r.id for r in self._facts().requests.values() if r.lease_owner == owner}

    @precondition(lambda self: self._any("sent") or self._any("leased"))
    @rule(worker=workers, how=ended_by, spooled=st.booleans())
    def kill(self, worker: str, how: tuple[Result, float], spooled: bool) -> None:
        hands, self.hands[worker] = self.hands[worker], self._start(worker)
        if spooled:
            self.spool += [
                self._settlement(hands.owner, *sent, *how) for sent in hands.sent.values()
            ]

    @precondition(lambda self: self.spool)
    @rule()
    def recover(self) -> None:
        self._settle(self.spool, repeated=True)
        self.spool = []

    @rule(seconds=moments)
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def tick(self) -> None:
        tidy(self.database, now=self.now)

    @rule(move=st.sampled_from([jobs.pause, jobs.resume, jobs.resume, jobs.retry, jobs.retry]))
    def steer(self, move: Any) -> None:
        with suppress(IllegalMove), self.database.write.begin() as session:
            move(session, self.job_id, now=self.now)

    @precondition(lambda self: self.hands["a"].sent and self.hands["b"].sent)
    @rule()
    def cancel(self) -> None:
        self.steer(jobs.cancel)

    def _runs(self) -> list[Run]:
        with self.database.read() as session:
            return jobs.runs_of(session, [self.job_id])

    def _facts(self) -> Facts:
        with self.database.read() as session:
            return facts_of(session, self.job_id)

    @invariant()
    def totals_agree_with_the_rows(self) -> None:
        facts = self._facts()
        for run in facts.runs:
            totals_agree(facts, run)

    @invariant()
    def a_request_is_in_one_hand(self) -> None:
        facts = self._facts()
        under_way = Counter(a.request_id for a in facts.attempts if a.result is Result.SENT)
        assert set(under_way.values()) <= {1}
        assert all(facts.requests[key].state is RequestState.LEASED for key in under_way)

    @invariant()
    def a_sample_has_its_outcome_or_is_in_one_open_request(self) -> None:
        facts = self._facts()
        for run in facts.runs:
            places = Counter(p.sample_id for p in facts.predictions if p.run_id == run.id)
            for request in facts.requests.values():
                if request.run_id == run.id and request.state in OPEN_REQUEST:
                    places.update(request.sample_ids)
            assert not places or set(places.values()) == {1}
            if run.status is not Status.CANCELLED:
                assert len(places) == run.planned

    def teardown(self) -> None:
        """Whatever happened, left alone the job comes to its end."""
        try:
            self._drain()
            facts = self._facts()
            for run in facts.runs:
                every_sample_has_one_outcome(facts, run)
                totals_agree(facts, run)
            nothing_is_left_open(facts)
        finally:
            self.database.close()
            shutil.rmtree(self._folder)

    def _drain(self) -> None:
        for _ in range(ROUNDS):
            self.steer(jobs.resume)
            self.plan(SAMPLES)
            for worker in self.hands:
                self.lease(worker, 3)
                self.send(worker, repeated=False)
                self.hear(worker, [(Result.ANSWERED, 1.0)] * SAMPLES, repeated=False)
            self.recover()
            self.now += timedelta(hours=2)
            self.tick()
            statuses = {run.status for run in self._runs()}
            if statuses <= ENDED and not self._open_requests():
                return
        pytest.fail(f"the job never ended: {statuses}")

    def _open_requests(self) -> bool:
        return any(r.state in OPEN_REQUEST for r in self._facts().requests.values())


@pytest.mark.slow
def test_whatever_happens_every_sample_ends_once_and_every_total_agrees() -> None:
    run_state_machine_as_test(
        Queue, settings=settings(max_examples=30, stateful_step_count=40, deadline=None)
    )
