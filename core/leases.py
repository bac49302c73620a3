"""The queue: due requests leased by a worker, by priority and in fair shares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Exists,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from core import runs
from core.canaries import MODALITY, Group, may_go
from core.db import table
from core.rules.fairness import share
from core.rules.states import ENDED, UNSENT, RequestState, Status
from core.rules.strategy import Asked
from core.tables import Job, Request, Run

REQUESTS = table(Request)

CANDIDATE_JOBS = 64
"""Jobs looked at in one lease; with more of one priority waiting, the rest come next time."""

MOMENT = Request.not_before.type
NOW = bindparam("now", type_=MOMENT)
MOVES = and_(Run.status == Status.RUNNING, or_(Run.rests_until.is_(None), Run.rests_until <= NOW))
"""Requests of a run may be leased now."""


def _has(state: RequestState) -> Exists:
    """Return the condition that a run has a request in a state whose time has come."""
    return exists().where(
        Request.run_id == Run.id, Request.state == state, Request.not_before <= NOW
    )


HAS_DUE = or_(
    _has(RequestState.DUE),
    and_(Run.canary_passed_at.is_(None), _has(RequestState.WAITING)),
)
"""A run has a request to send now; one that waits for a batch may be the canary."""

MODELS_DUE = select(Run.model_id).where(MOVES, HAS_DUE).distinct()
DUE_RUNS = (
    select(Run.id, Job.priority, Job.id, MODALITY, Run.canary_passed_at)
    .join(Job, Job.id == Run.job_id)
    .where(Run.model_id == bindparam("model"), MOVES, HAS_DUE)
    .order_by(Job.priority.desc(), Job.created_at, Run.job_id, Run.position)
)
UNDER_WAY = (
    select(Job.id, func.count())
    .join(Run, Run.job_id == Job.id)
    .join(Request, Request.run_id == Run.id)
    .where(Job.id.in_(bindparam("jobs", expanding=True)), runs.IN_HAND)
    .group_by(Job.id)
)


def _requests(state: ColumnElement[bool]) -> Select[int]:
    """Return the query for requests of a run in a state whose time has come; it holds them."""
    return (
        select(Request.id)
        .where(
            Request.run_id == bindparam("run"),
            state,
            Request.not_before <= NOW,
        )
        .order_by(Request.not_before, Request.id)
        .limit(bindparam("slots"))
        .with_for_update(skip_locked=True)
    )


DUE_REQUESTS = _requests(Request.state == RequestState.DUE)
UNSENT_REQUESTS = _requests(Request.state.in_(UNSENT))
LEASED_COLUMNS = (
    Request.id,
    Request.run_id,
    Request.sample_ids,
    Request.attempts,
    Request.failures,
    Request.throttles,
    Request.refusals,
    Request.lease_expires_at,
    Request.parent_id,
)
TAKE = (
    update(REQUESTS)
    .where(
        REQUESTS.c.id.in_(bindparam("ids", expanding=True)),
        REQUESTS.c.state.in_(UNSENT),
        REQUESTS.c.not_before <= NOW,
    )
    .values(
        state=RequestState.LEASED,
        lease_owner=bindparam("owner"),
        lease_expires_at=bindparam("until", type_=MOMENT),
    )
    .returning(*(REQUESTS.c[column.key] for column in LEASED_COLUMNS))
)
"""Built once: a busy worker leases some 30 times a second, and to build one takes longer than to
run it."""


@dataclass(frozen=True)
class Leased:
    """A request in this worker's hands."""

    id: int
    run_id: UUID
    sample_ids: tuple[int, ...]
    attempts: int
    asked: Asked
    expires_at: datetime | None = None
    """When the lease ends; it tells one lease of a request from the next by the same worker."""
    is_part: bool = False
    """Split off from a larger one."""
    canary: bool = False
    """The first call of its job to its model, which all others wait for."""


class DueRun(NamedTuple):
    """A run that has a request to send now."""

    id: UUID
    priority: int
    group: Group
    opened: bool
    """Whether its canary has passed."""


def models_due(session: Session, *, now: datetime) -> list[UUID]:
    """Return the models that have a request to send now."""
    found = session.connection().execute(MODELS_DUE, {"now": now}).scalars()
    return [model_id for model_id in found if model_id is not None]


def lease(
    session: Session,
    model_id: UUID,
    *,
    owner: str,
    slots: int,
    now: datetime,
    lasts: timedelta,
) -> list[Leased]:
    """Take up to `slots` due requests of a model: priority first, then a fair share to each job.

    Of runs whose canary has not passed, only that: one request, of those for a batch, too.

    Two workers that lease at once never get the same request: PostgreSQL skips rows that
    another holds, SQLite has one writer.
    """
    taken: list[Leased] = []
    canaries: set[int] = set()
    for jobs in _by_priority(_due_runs(session, model_id, now)):
        if len(taken) >= slots:
            break
        ids = _fair(session, jobs, slots - len(taken), canaries, now)
        taken += _take(session, ids, owner=owner, now=now, until=now + lasts)
    return [replace(request, canary=request.id in canaries) for request in taken]


def _due_runs(session: Session, model_id: UUID, now: datetime) -> list[DueRun]:
    """Return what can be sent, most urgent and oldest first."""
    rows = session.connection().execute(DUE_RUNS, {"model": model_id, "now": now})
    return [
        DueRun(run, priority, Group(job, model_id, modality), passed_at is not None)
        for run, priority, job, modality, passed_at in rows
    ]


def _by_priority(due: Iterable[DueRun]) -> list[dict[UUID, list[DueRun]]]:
    """Return the runs of each job, the jobs of one priority together."""
    levels: dict[int, dict[UUID, list[DueRun]]] = {}
    for run in due:
        levels.setdefault(run.priority, {}).setdefault(run.group.job_id, []).append(run)
    return list(levels.values())


def _fair(
    session: Session,
    jobs: dict[UUID, list[DueRun]],
    slots: int,
    canaries: set[int],
    now: datetime,
) -> list[int]:
    """Return the requests to take, so that every job has as many under way as the next."""
    under_way = _under_way(session, list(jobs))
    waiting: dict[UUID, list[int]] = {}
    for job in sorted(jobs, key=lambda job: under_way.get(job, 0))[:CANDIDATE_JOBS]:
        if found := _candidates(session, jobs[job], slots, canaries, now):
            waiting[job] = found
        # A job with more under way than `slots` others that wait would get none.
        if len(waiting) >= slots:
            break
    shares = share(slots, {job: len(ids) for job, ids in waiting.items()}, under_way)
    return [request for job, ids in waiting.items() for request in ids[: shares.get(job, 0)]]


def _under_way(session: Session, jobs: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many requests of each job are leased, by anyone."""
    rows = session.connection().execute(UNDER_WAY, {"jobs": jobs})
    return {job: count for job, count in rows}  # noqa: C416 - a Row is not a pair to dict()


def _candidates(
    session: Session, due: Sequence[DueRun], slots: int, canaries: set[int], now: datetime
) -> list[int]:
    """Return due requests of a job, its earlier runs first, and hold them; note the canaries."""
    found: list[int] = []
    looked: set[Group] = set()
    for run in due:
        if len(found) >= slots:
            break
        if run.opened:
            found += _due_requests(session, run, slots - len(found), now)
        elif run.group not in looked:
            looked.add(run.group)
            if may_go(session, run.group, now=now):
                canary = _due_requests(session, run, 1, now)
                canaries.update(canary)
                found += canary
    return found


def _due_requests(session: Session, run: DueRun, slots: int, now: datetime) -> Sequence[int]:
    """Return due requests of a run, and hold them."""
    due = DUE_REQUESTS if run.opened else UNSENT_REQUESTS
    where = {"run": run.id, "now": now, "slots": slots}
    return session.connection().execute(due, where).scalars().all()


def _take(
    session: Session, ids: Sequence[int], *, owner: str, now: datetime, until: datetime
) -> list[Leased]:
    """Lease those of `ids` that are still due."""
    rows = session.connection().execute(
        TAKE, {"ids": ids, "now": now, "owner": owner, "until": until}
    )
    return sorted((leased(row) for row in rows), key=lambda taken: taken.id)


def leased(
    row: Row[int, UUID, list[int], int, int, int, int, datetime | None, int | None],
) -> Leased:
    """Return a row of LEASED_COLUMNS as a request in hand."""
    return Leased(
        row.id,
        row.run_id,
        tuple(row.sample_ids),
        row.attempts,
        Asked(len(row.sample_ids), row.failures, row.throttles, row.refusals),
        row.lease_expires_at,
        is_part=row.parent_id is not None,
    )


def recall(session: Session, *, now: datetime) -> None:
    """Make requests due that a clock which was ahead has put off: they were made after `now`.

    Waits that a provider asked for are cut short with them, which costs a 429 at most.
    """
    session.execute(
        update(Request)
        .where(
            Request.run_id.in_(select(Run.id).where(Run.status.not_in(ENDED))),
            Request.state == RequestState.DUE,
            Request.not_before > now,
            Request.created_at > now,
        )
        .values(not_before=now)
    )
