"""Runs: moved from status to status, planned, closed, retried."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session, defer, joinedload

from core.db import table
from core.errors import IllegalMove, NotFound
from core.paging import Key, Slice, fetch
from core.rules.planning import shuffled
from core.rules.states import ENDED, OPEN_REQUEST, RequestState, Status, run_sources
from core.tables import Attempt, Job, Prediction, Request, Run, Sample, Score
from core.vocabulary import Cause, Dispatch, Outcome

ABOUT = (Sample.name, Sample.target, Sample.target_number)
"""What a list of predictions tells of their samples."""
PLANNED_AT_ONCE = 64
"""Runs that a tick wakes planners for; the rest come with later ticks."""

IN_HAND = and_(
    Request.state == RequestState.LEASED,
    # Always so, and it tells which index to look in: that of the leases.
    Request.lease_expires_at.is_not(None),
)
"""A request is in a worker's hands."""

HOLD = (
    select(Run.id)
    .where(Run.id.in_(bindparam("ids", expanding=True)))
    .order_by(Run.id)
    .with_for_update()
)


def get(session: Session, run_id: UUID) -> Run:
    """Return a run. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"no run {run_id}; GET /v1/runs lists them")
    return run


def page(
    session: Session,
    *,
    job_id: UUID | None,
    status: Status | None,
    after: Key | None,
    limit: int,
) -> Slice[Run]:
    """Return a page of the runs, the latest submitted first."""
    query = select(Run)
    if job_id is not None:
        query = query.where(Run.job_id == job_id)
    if status is not None:
        query = query.where(Run.status == status)
    order = (Run.created_at, Run.id)
    return fetch(session, query, order, after=after, limit=limit, newest_first=True)


def requests(session: Session, run: Run, *, after: Key | None, limit: int) -> Slice[Request]:
    """Return a page of a run's requests; parents come before their children."""
    query = select(Request).where(Request.run_id == run.id)
    return fetch(session, query, (Request.id,), after=after, limit=limit)


def attempts(session: Session, run: Run, *, after: Key | None, limit: int) -> Slice[Attempt]:
    """Return a page of a run's attempts, without their bodies."""
    query = (
        select(Attempt)
        .where(Attempt.run_id == run.id)
        .options(defer(Attempt.sent), defer(Attempt.body), defer(Attempt.headers))
    )
    return fetch(session, query, (Attempt.id,), after=after, limit=limit)


def predictions(
    session: Session, run: Run, *, outcome: Outcome | None, after: Key | None, limit: int
) -> Slice[Prediction]:
    """Return a page of a run's predictions with their samples, in the dataset's order."""
    query = (
        select(Prediction)
        .where(Prediction.run_id == run.id)
        .options(joinedload(Prediction.sample).load_only(*ABOUT))
    )
    if outcome is not None:
        query = query.where(Prediction.outcome == outcome)
    return fetch(session, query, (Prediction.sample_id,), after=after, limit=limit)


def illegal(status: Status, verb: str, why: str | None) -> IllegalMove:
    """Return the error of a move that is not in the table."""
    tail = f": {why}" if why else ""
    return IllegalMove(f"a job that is {status.value} cannot be {verb}{tail}", status=status.value)


def move(
    session: Session, run_id: UUID, target: Status, *, reason: str | None, now: datetime
) -> bool:
    """Move a run, if it stands where it may be moved from; tell whether it did.

    The only door through which a run's status changes. The caller follows with `jobs.follow`.
    """
    values = {"status": target, "reason": reason, "finished_at": now if target in ENDED else None}
    if target is Status.RUNNING:
        values |= {"moved_at": now, "faulty_since": None}
    moved = session.scalar(
        update(Run)
        .where(Run.id == run_id, Run.status.in_(run_sources(target)))
        .values(values)
        .returning(Run.id)
    )
    return moved is not None


def hold(session: Session, run_ids: Iterable[UUID]) -> None:
    """Hold runs until the commit, always in one order, so that no two workers wait in a circle."""
    session.connection().execute(HOLD, {"ids": list(run_ids)})


def some_open() -> ColumnElement[bool]:
    """Return whether a run has not ended, or a request of one that has is in a worker's hands."""
    open_run = exists().where(Run.status.in_((Status.QUEUED, Status.RUNNING, Status.PAUSED)))
    return open_run | exists().where(IN_HAND)


def unplanned(session: Session) -> list[UUID]:
    """Return the next runs whose samples are not all in the queue yet.

    By priority, and those first that are planned soonest: a small job waits for no large one.
    """
    found = session.scalars(
        select(Run.id)
        .join(Job, Job.id == Run.job_id)
        .where(Run.status.in_((Status.QUEUED, Status.RUNNING)), Run.planned < Run.samples)
        .order_by(Job.priority.desc(), Run.samples - Run.planned, Run.created_at, Run.position)
        .limit(PLANNED_AT_ONCE)
    )
    return list(found)


def seeded_order(session: Session, dataset_id: UUID, seed: int) -> NDArray[np.int64]:
    """Return the ids of a dataset's samples in the order that `seed` names; 8 bytes a sample."""
    ids = _sample_ids(session, dataset_id)
    return ids[shuffled(len(ids), seed)]


def _sample_ids(session: Session, dataset_id: UUID) -> NDArray[np.int64]:
    """Return the ids of a dataset's samples, ascending.

    Most imports run alone, so that their ids have no gap and need not be fetched one by one.
    """
    of_dataset = Sample.dataset_id == dataset_id
    lowest, highest, count = session.execute(
        select(func.min(Sample.id), func.max(Sample.id), func.count()).where(of_dataset)
    ).one()
    if count and highest - lowest + 1 == count:
        return np.arange(lowest, highest + 1, dtype=np.int64)
    return np.fromiter(
        session.scalars(
            select(Sample.id)
            .where(of_dataset)
            .order_by(Sample.id)
            .execution_options(yield_per=10_000)
        ),
        dtype=np.int64,
    )


def ordered_samples(session: Session, run: Run) -> NDArray[np.int64]:
    """Return the ids of the samples a run asks about, in its order.

    Those of a run over another's samples are a shuffle of the other's order, so even with its
    seed they are no mere beginning of it.
    """
    if run.samples_of is None:
        return seeded_order(session, run.dataset_id, run.seed)[: run.samples]
    pool = ordered_samples(session, get(session, run.samples_of))
    return pool[shuffled(len(pool), run.seed)][: run.samples]


def plan(session: Session, run: Run, ids: NDArray[np.int64], *, at: int, now: datetime) -> bool:
    """Put requests for `ids`, which start at place `at` of the order, into the queue.

    Tell whether it was this planner's turn: of two at the same place only one moves `planned`.
    """
    moved = session.scalar(
        update(Run)
        .where(
            Run.id == run.id,
            Run.planned == at,
            Run.status.in_((Status.QUEUED, Status.RUNNING)),
        )
        .values(
            planned=at + len(ids),
            requests=Run.requests + -(-len(ids) // run.batch_size),
            status=Status.RUNNING,
            moved_at=now,
        )
        .returning(Run.id)
    )
    if moved is None:
        return False
    _enqueue(session, run, ids.tolist(), cause=Cause.PLANNED, now=now)
    return True


def _enqueue(session: Session, run: Run, ids: Sequence[int], *, cause: Cause, now: datetime) -> int:
    """Insert requests of `batch_size` samples each; return how many."""
    state = RequestState.WAITING if run.dispatch is Dispatch.BATCH else RequestState.DUE
    rows = [
        {
            "run_id": run.id,
            "cause": cause,
            "state": state,
            "sample_ids": ids[start : start + run.batch_size],
            "not_before": now,
            "created_at": now,
        }
        for start in range(0, len(ids), run.batch_size)
    ]
    # Not by way of the ORM, which takes twice as long.
    session.connection().execute(insert(table(Request)), rows)
    return len(rows)


def retry(session: Session, run: Run, *, now: datetime) -> bool:
    """Ask again about the failed samples of a run that has ended or is paused."""
    failed = session.scalars(
        select(Prediction.sample_id)
        .where(Prediction.run_id == run.id, Prediction.outcome == Outcome.FAILED)
        .order_by(Prediction.sample_id)
    ).all()
    if not failed or run.status not in {Status.COMPLETED, Status.FAILED, Status.PAUSED}:
        return False
    if not move(session, run.id, Status.RUNNING, reason=None, now=now):
        return False
    session.execute(delete(Score).where(Score.run_id == run.id))
    session.execute(
        delete(Prediction).where(Prediction.run_id == run.id, Prediction.outcome == Outcome.FAILED)
    )
    made = _enqueue(session, run, failed, cause=Cause.RETRY, now=now)
    session.execute(
        update(Run)
        .where(Run.id == run.id)
        .values(failed=Run.failed - len(failed), requests=Run.requests + made, rejections=0)
    )
    return True


def finished(session: Session) -> list[Run]:
    """Return the runs whose every sample has its outcome and that are not closed yet."""
    open_requests = exists().where(Request.run_id == Run.id, Request.state.in_(OPEN_REQUEST))
    found = session.scalars(
        select(Run)
        .where(
            Run.status.in_((Status.RUNNING, Status.PAUSED)),
            Run.answered + Run.refused + Run.unparsed + Run.failed == Run.samples,
            ~open_requests,
        )
        .order_by(Run.created_at)
    )
    return list(found)
