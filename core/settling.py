"""What an attempt changes: its request, the requests that follow, predictions and totals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from core import attempts
from core.attempts import Heard
from core.db import table
from core.leases import Leased
from core.rules.canaries import Canary
from core.rules.classes import rank
from core.rules.readings import Answer
from core.rules.stalls import DOWN, SPOKE
from core.rules.states import UNSENT, RequestState, Status
from core.rules.strategy import BREAKER, Child, Verdict
from core.spending import Books
from core.tables import Prediction, Request, Run
from core.vocabulary import Outcome, Result

REQUESTS, RUNS = table(Request), table(Run)
COUNTERS = (
    *(outcome.value for outcome in Outcome),
    *("requests", "prompt_tokens", "completion_tokens", "cost_nano", "lost_nano"),
)
"""Totals of a run that settlements add to."""

HELD = (
    select(REQUESTS.c.id, REQUESTS.c.lease_owner)
    .where(
        REQUESTS.c.id.in_(bindparam("ids", expanding=True)),
        REQUESTS.c.state == RequestState.LEASED,
    )
    .order_by(REQUESTS.c.id)
    .with_for_update()
)
ENDED = select(RUNS.c.id).where(
    RUNS.c.id.in_(bindparam("ids", expanding=True)), RUNS.c.status == Status.CANCELLED
)
PREDICT = insert(table(Prediction))
ADVANCE = update(REQUESTS).where(REQUESTS.c.id == bindparam("request"))
BRANCH = insert(REQUESTS)
MOMENT = RUNS.c.moved_at.type
SPOKE_AT = bindparam("spoke_at", type_=MOMENT)
ADD = (
    update(RUNS)
    .where(RUNS.c.id == bindparam("run"))
    .values(
        {RUNS.c[name]: RUNS.c[name] + bindparam(f"added_{name}") for name in COUNTERS}
        | {
            RUNS.c.rejections: case((bindparam("answered"), 0), else_=RUNS.c.rejections)
            + bindparam("rejected"),
            # What was reserved for a call has come back: another may fit into the budget.
            RUNS.c.rests_until: case((bindparam("heard"), None), else_=RUNS.c.rests_until),
            RUNS.c.moved_at: func.coalesce(SPOKE_AT, RUNS.c.moved_at),
            RUNS.c.faulty_since: case(
                (SPOKE_AT.is_not(None), None),
                else_=func.coalesce(RUNS.c.faulty_since, bindparam("fault_at", type_=MOMENT)),
            ),
        }
    )
    .returning(RUNS.c.rejections)
)
"""Built once: they run with every group of writes, and to build one takes longer than to run it."""


@dataclass(frozen=True)
class Settlement:
    """What becomes of a leased request."""

    request: Leased
    owner: str
    verdict: Verdict
    at: datetime
    reason: str | None
    """In the provider's words, or ours; None for an answer."""
    right: Sequence[frozenset[str]] = ()
    """The labels that are right for each sample, in slot order; needed where there are answers."""
    heard: Heard | None = None
    """None when nothing was sent, or nobody heard the end."""
    canary: Canary = Canary.OPEN
    """What a canary came to; of other requests always open."""


@dataclass
class Totals:
    """What a group of settlements adds to a run."""

    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected_in_a_row: int = 0
    answered: bool = False
    heard: bool = False
    reason: str | None = None
    spoke_at: datetime | None = None
    """When the model last spoke."""
    fault_at: datetime | None = None
    """When its provider first failed."""


def settle_all(
    session: Session, settlements: Sequence[Settlement], books: Books
) -> dict[UUID, str]:
    """Store raw replies, predictions and what follows, for many requests at once.

    A settlement whose lease was lost meanwhile keeps its raw reply and its price and changes
    nothing else: another worker has the request now. Returns the runs whose breaker tripped and
    why, for `jobs.stop` in a transaction of its own: a job is locked before its runs, never after.
    """
    attempts.record_all(session, [s.heard for s in settlements if s.heard], books)
    held = _held(session, settlements)
    totals: defaultdict[UUID, Totals] = defaultdict(Totals)
    for s in settlements:
        bought = bool(s.verdict.answers) and s.request.id in held
        _price(totals[s.request.run_id], s, bought=bought)
    live = [s for s in settlements if s.request.id in held]
    for s in live:
        _outcomes(totals[s.request.run_id], s)
    ended = _cancelled(session, {s.request.run_id for s in live})
    _predict(session, live)
    _advance(session, live, ended)
    _branch(session, [s for s in live if s.request.run_id not in ended], totals)
    return _add(session, totals)


def _held(session: Session, settlements: Sequence[Settlement]) -> set[int]:
    """Return the requests that are still ours, held until the commit."""
    owners = {s.request.id: s.owner for s in settlements}
    rows = session.connection().execute(HELD, {"ids": list(owners)})
    return {request for request, owner in rows if owner == owners[request]}


def _cancelled(session: Session, run_ids: Iterable[UUID]) -> set[UUID]:
    """Return those runs that have been cancelled: what came back is kept, nothing follows."""
    return set(session.connection().execute(ENDED, {"ids": list(run_ids)}).scalars())


def _price(totals: Totals, s: Settlement, *, bought: bool) -> None:
    """Add what an attempt cost; what bought no prediction is lost."""
    if s.heard is None:
        return
    totals.heard = True
    cost, usage = s.heard.cost_nano or 0, s.heard.reading.usage
    totals.counts["cost_nano"] += cost
    if not bought:
        totals.counts["lost_nano"] += cost
    if usage is not None:
        totals.counts["prompt_tokens"] += usage.prompt_tokens
        totals.counts["completion_tokens"] += usage.completion_tokens


def _outcomes(totals: Totals, s: Settlement) -> None:
    """Add the outcomes of a settlement, what the breaker counts, and whether the model spoke."""
    totals.counts["answered"] += len(s.verdict.answers)
    if s.verdict.outcome is not None:
        totals.counts[s.verdict.outcome.value] += len(_rest(s))
    if s.verdict.rejected:
        totals.rejected_in_a_row += 1
        totals.reason = s.reason
    elif s.heard is not None and s.heard.reading.result is Result.ANSWERED:
        totals.rejected_in_a_row, totals.answered = 0, True
    if s.heard is not None and s.heard.reading.result in SPOKE:
        totals.spoke_at = max(totals.spoke_at or s.at, s.at)
    elif s.heard is not None and s.heard.reading.result in DOWN:
        totals.fault_at = min(totals.fault_at or s.at, s.at)


def _rest(s: Settlement) -> list[int]:
    """Return the slots that end without an answer."""
    going_on = {slot for child in s.verdict.children for slot in child.slots}
    return [
        slot
        for slot in range(s.request.asked.size)
        if slot not in s.verdict.answers and slot not in going_on
    ]


def _predict(session: Session, live: Sequence[Settlement]) -> None:
    """Write the predictions of the samples that end."""
    rows = [
        _prediction(s, slot, Outcome.ANSWERED, answer)
        for s in live
        for slot, answer in s.verdict.answers.items()
    ]
    rows += [
        _prediction(s, slot, s.verdict.outcome, None)
        for s in live
        if s.verdict.outcome is not None
        for slot in _rest(s)
    ]
    if rows:
        session.connection().execute(PREDICT, rows)


def _prediction(
    s: Settlement, slot: int, outcome: Outcome, answer: Answer | None
) -> dict[str, Any]:
    """Return a prediction as a row."""
    return {
        **reading_columns(answer, s.right[slot] if answer else frozenset()),
        "run_id": s.request.run_id,
        "sample_id": s.request.sample_ids[slot],
        "outcome": outcome,
        "slot": slot,
        "batch": s.request.asked.size,
        "request_id": s.request.id,
        "attempt_id": s.heard.attempt_id if s.heard else None,
    }


def reading_columns(answer: Answer | None, right: frozenset[str]) -> dict[str, Any]:
    """Return the columns of a prediction that say how its sample's answer was read."""
    if answer is None:
        return {"label": None, "in_vocabulary": None, "ranked": None, "rank": None}
    ranked = list(answer.ranked)
    return {
        "label": answer.label,
        "in_vocabulary": answer.in_vocabulary,
        "ranked": ranked,
        "rank": rank(ranked, right),
    }


def _advance(session: Session, live: Sequence[Settlement], ended: set[UUID]) -> None:
    """Move the requests on."""
    if live:
        session.connection().execute(
            ADVANCE, [_request_row(s, cancelled=s.request.run_id in ended) for s in live]
        )


def _request_row(s: Settlement, *, cancelled: bool) -> dict[str, Any]:
    """Return the columns of a request after a verdict."""
    state, asked = s.verdict.state, s.request.asked
    if cancelled and state in UNSENT | {RequestState.SPLIT}:
        state = RequestState.CANCELLED
    return {
        "request": s.request.id,
        "state": state,
        "not_before": s.at + timedelta(seconds=s.verdict.wait_s),
        "lease_owner": None,
        "lease_expires_at": None,
        "failures": asked.failures + s.verdict.failed,
        "throttles": asked.throttles + s.verdict.throttled,
        "refusals": asked.refusals + s.verdict.refused,
        "reason": s.reason,
        "finished_at": None if state in UNSENT else s.at,
    }


def _branch(session: Session, live: Sequence[Settlement], totals: Mapping[UUID, Totals]) -> None:
    """Queue the children of requests that were split."""
    rows = []
    for s in live:
        totals[s.request.run_id].counts["requests"] += len(s.verdict.children)
        rows += [_child_row(s, child) for child in s.verdict.children]
    if rows:
        session.connection().execute(BRANCH, rows)


def _child_row(s: Settlement, child: Child) -> dict[str, Any]:
    """Return a child of a request as a row."""
    return {
        "run_id": s.request.run_id,
        "parent_id": s.request.id,
        "cause": child.cause,
        "sample_ids": [s.request.sample_ids[slot] for slot in child.slots],
        "not_before": s.at,
        "created_at": s.at,
    }


def _add(session: Session, totals: Mapping[UUID, Totals]) -> dict[UUID, str]:
    """Add to the totals of the runs, in one order for all workers; return what tripped."""
    tripped = {}
    for run_id, added in sorted(totals.items()):
        values: dict[str, Any] = {f"added_{name}": added.counts[name] for name in COUNTERS}
        values |= {"answered": added.answered, "rejected": added.rejected_in_a_row}
        values |= {"heard": added.heard}
        values |= {"spoke_at": added.spoke_at, "fault_at": added.fault_at}
        rejections = session.connection().scalar(ADD, {"run": run_id, **values})
        if added.rejected_in_a_row and rejections is not None and rejections >= BREAKER:
            tripped[run_id] = f"{BREAKER} requests in a row were rejected: {added.reason}"
    return tripped
