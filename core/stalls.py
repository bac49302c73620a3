"""Jobs that do not move: what the database knows of why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core import batches, workers
from core.queries import exactly
from core.rules.stalls import DOWN, Facts, Fault, Stall, StallCode, explain, unattended
from core.rules.standings import ModelStanding
from core.rules.states import RequestState, Status
from core.tables import Attempt, Batch, Job, Model, Request, Run
from core.vocabulary import Result

OPEN = frozenset({Status.QUEUED, Status.RUNNING})
"""A run that stands here is to move; nobody expects it of the others."""

Group = tuple[UUID, UUID]
"""A job's runs of one model: they share its calls, so they stall together."""


def of_runs(
    session: Session, runs: Iterable[Run], *, patience: timedelta, now: datetime
) -> dict[UUID, Stall]:
    """Return why runs do not move, those of which no kin has moved for as long as `patience`.

    Costs nothing while all of them move.
    """
    still: dict[Group, list[Run]] = {}
    for run in runs:
        quiet = run.status in OPEN and now - (run.moved_at or run.created_at) >= patience
        if quiet and run.job_id is not None and run.model_id is not None:
            still.setdefault((run.job_id, run.model_id), []).append(run)
    if not still:
        return {}
    moved = _moved(session, {job for job, _ in still})
    still = {group: found for group, found in still.items() if now - moved[group] >= patience}
    if not still:
        return {}
    common = _common(session, {model for _, model in still}, since=now - patience, now=now)
    work = None
    stalls: dict[UUID, Stall] = {}
    for group, found in still.items():
        facts = _facts_of_all(group, found, moved[group], common)
        stall = unattended(facts, now=now)
        if stall is None:
            # Read once it is needed: without a worker nothing else matters.
            work = work or _work(session, still)
            stall = explain(_facts(session, facts, group, found, work), now=now)
        if stall is not None:
            stalls |= {run.id: stall for run in found}
    return stalls


def of_all(session: Session, *, patience: timedelta, now: datetime) -> dict[UUID, Stall]:
    """Return why jobs do not move, of all that are to, by job."""
    open_runs = _open_runs(session)
    stalled = of_runs(session, open_runs, patience=patience, now=now)
    jobs: dict[UUID, Stall] = {}
    for run in open_runs:
        if run.job_id is not None and run.id in stalled:
            jobs.setdefault(run.job_id, stalled[run.id])
    return jobs


def standing_still(
    session: Session, *, patience: timedelta, now: datetime
) -> dict[UUID, tuple[Stall, datetime]]:
    """Return why jobs do not move and since when, as `of_all`.

    The moment is the last at which the runs moved that stand still: it stays the same until one of
    them moves again.
    """
    open_runs = _open_runs(session)
    stalled = of_runs(session, open_runs, patience=patience, now=now)
    still = [run for run in open_runs if run.id in stalled]
    moved = _moved(session, {run.job_id for run in still if run.job_id}) if still else {}
    found: dict[UUID, tuple[Stall, datetime]] = {}
    for run in still:
        if run.job_id is not None and run.model_id is not None:
            since = moved[run.job_id, run.model_id]
            found.setdefault(run.job_id, (stalled[run.id], since))
    return found


def counted(stalled: Iterable[Stall]) -> dict[StallCode, int]:
    """Return how many there are of each cause."""
    return dict(Counter(stall.code for stall in stalled))


def _open_runs(session: Session) -> Sequence[Run]:
    """Return the runs that are to move."""
    moving = or_(*(exactly(Run.status, status) for status in sorted(OPEN)))
    return session.scalars(select(Run).where(moving).order_by(Run.position)).all()


def _moved(session: Session, jobs: Iterable[UUID]) -> dict[Group, datetime]:
    """Return when each group last moved, of some jobs."""
    rows = session.execute(
        select(Run.job_id, Run.model_id, func.max(func.coalesce(Run.moved_at, Run.created_at)))
        .where(Run.job_id.in_(list(jobs)))
        .group_by(Run.job_id, Run.model_id)
    )
    return {(job, model): at for job, model, at in rows if job is not None and model is not None}


@dataclass(frozen=True)
class Common:
    """What explains more than one group."""

    worker_seen_at: datetime | None
    worker_alive: bool
    ticked_at: datetime | None
    standings: Mapping[UUID, ModelStanding]
    timeouts: Mapping[UUID, float]
    priorities: Mapping[UUID, int]
    """Of the jobs that have a run of these models which is to move."""
    urgent: Mapping[UUID, tuple[int, UUID]]
    """The most urgent job that moves, by model, and its priority."""


def _common(session: Session, models: Iterable[UUID], *, since: datetime, now: datetime) -> Common:
    """Return what is known of workers and models."""
    ids = list(models)
    known = workers.known(session)
    specs = session.execute(select(Model.id, Model.spec).where(Model.id.in_(ids)))
    rows = session.execute(
        select(Run.model_id, Job.priority, Job.id, Run.moved_at)
        .join(Job, Job.id == Run.job_id)
        .where(Run.model_id.in_(ids), Run.status.in_(OPEN))
        .order_by(Job.priority)
    ).all()
    return Common(
        worker_seen_at=known[0].seen_at if known else None,
        worker_alive=any(workers.lives(worker, now=now) for worker in known),
        ticked_at=max((w.ticked_at for w in known if w.ticked_at is not None), default=None),
        standings=workers.standings(session, ids),
        timeouts={model: spec["timeout_s"] for model, spec in specs},
        priorities={job: priority for _, priority, job, _ in rows},
        urgent={
            model: (priority, job)
            for model, priority, job, moved_at in rows
            if model is not None and moved_at is not None and moved_at > since
        },
    )


def _facts_of_all(group: Group, runs: Sequence[Run], moved_at: datetime, common: Common) -> Facts:
    """Return what is known of a group without a look at its requests."""
    job, model = group
    priority, ahead = common.urgent.get(model, (0, job))
    return Facts(
        moved_at=moved_at,
        worker_seen_at=common.worker_seen_at,
        worker_alive=common.worker_alive,
        ticked_at=common.ticked_at,
        planned=any(run.planned for run in runs),
        standing=common.standings.get(model, ModelStanding()),
        faulty_since=min((r.faulty_since for r in runs if r.faulty_since), default=None),
        timeout_s=common.timeouts.get(model, 0.0),
        outranked_by=str(ahead) if priority > common.priorities.get(job, priority) else None,
    )


@dataclass(frozen=True)
class Work:
    """Where the requests of some groups are, by run; batches by job."""

    under_way: Mapping[UUID, tuple[int, datetime]]
    """Calls that are out, and when the oldest of them was sent."""
    next_due: Mapping[UUID, datetime]
    batches: Mapping[UUID, Sequence[Batch]]


def _work(session: Session, groups: Mapping[Group, Sequence[Run]]) -> Work:
    """Look at the requests of some groups."""
    ids = [run.id for runs in groups.values() for run in runs]
    under_way = session.execute(
        select(Request.run_id, func.count(), func.min(Attempt.sent_at))
        .join(Attempt, Attempt.request_id == Request.id)
        .where(
            Request.run_id.in_(ids),
            exactly(Request.state, RequestState.LEASED),
            exactly(Attempt.result, Result.SENT),
        )
        .group_by(Request.run_id)
    )
    first = (
        select(func.min(Request.not_before))
        .where(Request.run_id == Run.id, exactly(Request.state, RequestState.DUE))
        .scalar_subquery()
    )
    due = session.execute(select(Run.id, first).where(Run.id.in_(ids)))
    return Work(
        under_way={run: (count, oldest) for run, count, oldest in under_way},
        next_due={run: at for run, at in due if at is not None},
        batches=batches.open_of(session, [job for job, _ in groups]),
    )


def _facts(session: Session, facts: Facts, group: Group, runs: Sequence[Run], work: Work) -> Facts:
    """Return all that is known of a group."""
    job, model = group
    calls = [work.under_way[run.id] for run in runs if run.id in work.under_way]
    return replace(
        facts,
        in_batch=any(batch.model_id == model for batch in work.batches[job]),
        fault=_last_fault(session, [run.id for run in runs if run.faulty_since is not None]),
        under_way=sum(count for count, _ in calls),
        oldest_sent_at=min((sent_at for _, sent_at in calls), default=None),
        next_due_at=min(
            (work.next_due[run.id] for run in runs if run.id in work.next_due), default=None
        ),
    )


def _last_fault(session: Session, runs: Sequence[UUID]) -> Fault | None:
    """Return how the last call that failed ended, of runs in which one did."""
    faults = []
    for run in runs:
        last = session.execute(
            select(Attempt.finished_at, Attempt.reason, Attempt.result)
            .where(Attempt.run_id == run, Attempt.result.in_(DOWN))
            .order_by(Attempt.id.desc())
            .limit(1)
        ).first()
        if last is not None and last.finished_at is not None:
            faults.append(Fault(last.finished_at, last.reason or last.result.value))
    return max(faults, key=lambda fault: fault.at, default=None)
