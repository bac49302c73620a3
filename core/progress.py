"""How far jobs and runs have got, in the figures that lists and details show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import batches, stalls, workers
from core.bodies.work import Cost, Progress
from core.rules import batches as rules
from core.rules.budgets import Tally
from core.rules.eta import Course, Daily, at_pace, by_day
from core.rules.money import dollars
from core.rules.specs import DatasetSpec
from core.rules.stalls import Stall
from core.rules.standings import ModelStanding
from core.rules.states import ENDED, Status
from core.tables import Batch, Dataset, Job, JobSpend, Model, Run
from core.vocabulary import Dispatch, Outcome

COUNTS = (
    "samples",
    "answered",
    "refused",
    "unparsed",
    "failed",
    "requests",
    "attempts",
    "unknown_attempts",
)


@dataclass(frozen=True)
class RunDetail:
    """A run with the names of what it is about."""

    run: Run
    dataset: Dataset
    model: str
    priced: bool
    """Whether what it costs is known."""

    @property
    def spec(self) -> DatasetSpec:
        """Return what the dataset says of itself."""
        return DatasetSpec.model_validate(self.dataset.spec)


@dataclass(frozen=True)
class JobDetail:
    """A job with its runs."""

    job: Job
    dataset: Dataset
    runs: Sequence[RunDetail]
    batches: Sequence[Batch]
    """Those under way, the oldest first."""
    stalls: Mapping[UUID, Stall]
    """Why runs do not move, by run; those that do are left out."""
    standings: Mapping[UUID, ModelStanding]
    """How the limits of its models stood when a worker last looked."""
    spent: Tally
    """What it has spent, as its budget counts it."""

    @property
    def stall(self) -> Stall | None:
        """Return why it does not move, or a part of it does not."""
        stalled = (self.stalls.get(detail.run.id) for detail in self.runs)
        return next((stall for stall in stalled if stall is not None), None)


def of_runs(session: Session, found: Sequence[Run]) -> list[RunDetail]:
    """Return the details of some runs, in their order."""
    datasets = {
        dataset.id: dataset
        for dataset in session.scalars(
            select(Dataset).where(Dataset.id.in_({run.dataset_id for run in found}))
        )
    }
    models = {
        model.id: model
        for model in session.scalars(
            select(Model).where(Model.id.in_({run.model_id for run in found if run.model_id}))
        )
    }
    return [_detail(run, datasets[run.dataset_id], models) for run in found]


def _detail(run: Run, dataset: Dataset, models: Mapping[UUID, Model]) -> RunDetail:
    """Return a run with its names; a published one has no model of ours and no known price."""
    if run.model_id is None:
        return RunDetail(run, dataset, run.system or "", priced=False)
    model = models[run.model_id]
    return RunDetail(run, dataset, model.name, priced=model.spec["prices"] is not None)


def of_jobs(
    session: Session, found: Sequence[Job], *, patience: timedelta, now: datetime
) -> list[JobDetail]:
    """Return the details of some jobs, in their order.

    A run that has not moved for as long as `patience` is told why.
    """
    runs = session.scalars(
        select(Run).where(Run.job_id.in_([job.id for job in found])).order_by(Run.position)
    ).all()
    by_job: dict[UUID, list[RunDetail]] = {job.id: [] for job in found}
    for detail in of_runs(session, runs):
        if detail.run.job_id is not None:
            by_job[detail.run.job_id].append(detail)
    open_batches = batches.open_of(session, [job.id for job in found])
    stalled = stalls.of_runs(session, runs, patience=patience, now=now)
    moving = {run.model_id for run in runs if run.model_id and run.status not in ENDED}
    standings = workers.standings(session, moving) if moving else {}
    spent = _spent(session, [job.id for job in found])
    return [
        JobDetail(
            job,
            by_job[job.id][0].dataset,
            by_job[job.id],
            open_batches[job.id],
            stalled,
            standings,
            spent.get(job.id, Tally()),
        )
        for job in found
    ]


def _spent(session: Session, job_ids: Sequence[UUID]) -> dict[UUID, Tally]:
    """Return what some jobs have spent; those that have made no call are left out."""
    found = session.scalars(select(JobSpend).where(JobSpend.job_id.in_(job_ids)))
    return {spend.job_id: spend.tally for spend in found}


def total(runs: Iterable[RunDetail], name: str) -> int:
    """Return the sum of one of the running totals over some runs."""
    return sum(getattr(detail.run, name) for detail in runs)


def progress_of(runs: Sequence[RunDetail]) -> Progress:
    """Return the progress of some runs together."""
    counts = {name: total(runs, name) for name in COUNTS}
    ended = sum(counts[outcome.value] for outcome in Outcome)
    return Progress(**counts, pending=counts["samples"] - ended)


def cost_of(runs: Sequence[RunDetail]) -> Cost:
    """Return the cost of some runs together."""
    priced = all(detail.priced for detail in runs)
    return Cost(
        usd=dollars(total(runs, "cost_nano")) if priced else None,
        lost_usd=dollars(total(runs, "lost_nano")) if priced else None,
        prompt_tokens=total(runs, "prompt_tokens"),
        completion_tokens=total(runs, "completion_tokens"),
    )


def pending(run: Run) -> int:
    """Return how many samples of a run have no outcome yet."""
    return run.samples - run.answered - run.refused - run.unparsed - run.failed


def eta_seconds(detail: JobDetail, *, now: datetime) -> float | None:
    """Return the seconds a job still needs, or None where that is not known.

    At the pace it has kept; or, while files of it are at a provider, until the last is through.
    """
    if any(d.run.dispatch is Dispatch.BATCH for d in detail.runs):
        return _eta_of_batches(detail.batches, now=now)
    return _eta_online(detail, now=now)


def _eta_of_batches(under_way: Sequence[Batch], *, now: datetime) -> float | None:
    """Return the seconds until the last batch is through; None while one is on no way yet."""
    spans = [
        None
        if batch.submitted_at is None
        else rules.eta_seconds(
            lines=batch.lines,
            ended=batch.completed + batch.failed,
            submitted_at=batch.submitted_at,
            expires_at=batch.expires_at,
            now=now,
        )
        for batch in under_way
    ]
    known = [span for span in spans if span is not None]
    return max(known) if known and len(known) == len(spans) else None


def _eta_online(detail: JobDetail, *, now: datetime) -> float | None:
    """Return the seconds that calls one by one still need, or None if nobody can tell.

    The pace is that of its running runs since their first call; runs still to come are counted
    at the same pace. A limit on the requests of a day may hold the last of them back longer.
    """
    going = [d.run for d in detail.runs if d.run.status in {Status.QUEUED, Status.RUNNING}]
    waits = [detail.stalls[run.id] for run in going if run.id in detail.stalls]
    if any(stall.until is None for stall in waits):
        return None
    begun = [run for run in going if run.started_at is not None]
    if not begun:
        return None
    course = Course(
        min(run.started_at for run in begun if run.started_at is not None),
        sum(run.samples - pending(run) for run in begun),
        sum(pending(run) for run in going),
    )
    moved_at = max(run.moved_at or course.begun_at for run in begun)
    longest = max(waits, key=lambda stall: stall.until or now, default=None)
    spans = [at_pace(course, longest, moved_at, now)]
    for model_id in {run.model_id for run in going if run.model_id is not None}:
        runs = [run for run in going if run.model_id == model_id]
        if daily := _daily(runs, detail.standings.get(model_id)):
            spans.append(by_day(daily, detail.stalls.get(runs[0].id), course.begun_at, now))
    return max((span for span in spans if span is not None), default=None)


def _daily(runs: Sequence[Run], standing: ModelStanding | None) -> Daily | None:
    """Return what runs of one model have to send under its limit on a day's requests, if any."""
    room = None if standing is None else standing.daily()
    if standing is None or room is None:
        return None
    requests = sum(-(-pending(run) // run.batch_size) for run in runs)
    return Daily(requests, *room, standing.pace_rpm())
