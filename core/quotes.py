"""Quotes: what a job will need, from what is known of its dataset, its models and the queue."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Float, cast, func, select
from sqlalchemy.orm import Session

from core import datasets
from core.models import allowed
from core.rules.batches import WINDOW_S
from core.rules.pacing import Load, Pacing, Waiting
from core.rules.profiles import Profile
from core.rules.quotes import ModelQuote, Quote, RunQuote, of_job, of_model, of_run
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.states import Status
from core.rules.work import Asking, Past, Scope, work_of
from core.tables import Attempt, Dataset, Job, Model, Run, Template
from core.vocabulary import Dispatch, Result

TIMED = 100
"""Answers whose latency is averaged: the last ones of a model's latest run."""
DAY = timedelta(days=1)

PLANNED = (Run.samples + Run.batch_size - 1) // Run.batch_size
"""The requests of a run in which nothing is split."""
PENDING = Run.samples - Run.answered - Run.refused - Run.unparsed - Run.failed
LEFT = (PENDING + Run.batch_size - 1) // Run.batch_size
"""The requests that a run still has to make."""
LEFT_TOKENS = (
    cast(Run.expected_prompt_tokens + Run.expected_completion_tokens, Float) * PENDING / Run.samples
)
SUMS = (
    func.count(Run.id),
    func.sum(Run.samples),
    func.sum(Run.answered),
    func.sum(Run.refused),
    func.sum(PLANNED),
    func.sum(Run.requests),
    func.sum(Run.prompt_tokens),
    func.sum(Run.expected_prompt_tokens),
    func.sum(Run.completion_tokens),
)
"""The fields of `Past`, in their order."""


def quote(
    session: Session, dataset: Dataset, runs: Sequence[Run], *, priority: int, now: datetime
) -> Quote:
    """Return what runs over a dataset will need; each is told the tokens expected of it.

    Reads totals and no sample, so that it takes no longer for a million samples than for ten.
    """
    models = _models(session, runs)
    past, waiting = _past(session, dataset, models), _waiting(session, models)
    quoted: list[RunQuote] = []
    through: list[ModelQuote] = []
    for model_id, spec in models.items():
        own = [run for run in runs if run.model_id == model_id]
        making = _of_runs(session, dataset, own, spec, past.get(model_id))
        pacing, ahead = _pacing(session, model_id, spec, now), waiting[model_id]
        if any(run.dispatch is Dispatch.BATCH for run in own):
            pacing, ahead = pacing._replace(window_s=WINDOW_S), []
        through.append(of_model(spec.name, making, pacing, ahead, priority=priority, now=now))
        quoted += making
    return of_job(datasets.version(dataset), quoted, through, now=now)


def _models(session: Session, runs: Sequence[Run]) -> dict[UUID, ModelSpec]:
    """Return the models of some runs, in the order that they come in."""
    ids = list(dict.fromkeys(run.model_id for run in runs if run.model_id))
    found = session.scalars(select(Model).where(Model.id.in_(ids)))
    specs = {model.id: allowed(session, model) for model in found}
    return {model_id: specs[model_id] for model_id in ids}


def _of_runs(
    session: Session, dataset: Dataset, runs: Sequence[Run], model: ModelSpec, past: Past | None
) -> list[RunQuote]:
    """Return a quote for each kind of a model's runs; those of a kind differ in their repeat."""
    kinds: defaultdict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        kinds[run.batch_size, *run.condition.items()].append(run)
    labels = DatasetSpec.model_validate(dataset.spec).labels
    profile, quoted = Profile.from_json(dataset.profile), []
    for alike in kinds.values():
        run = alike[0]
        asking = Asking(
            _as_sent(model, run.dispatch),
            Condition.model_validate(run.condition),
            session.get_one(Template, run.template_id).text,
            labels,
            run.batch_size,
            run.samples,
        )
        work = work_of(asking, profile, past.completion_each if past else None)
        quoted.append(of_run(asking, work, past, repeats=len(alike)))
        for each in alike:
            each.expected_prompt_tokens = work.expected.prompt_tokens
            each.expected_completion_tokens = work.expected.completion_tokens
    return quoted


def _as_sent(model: ModelSpec, dispatch: Dispatch) -> ModelSpec:
    """Return a model at what its calls cost when they are sent so."""
    if dispatch is not Dispatch.BATCH or model.prices is None:
        return model
    return model.model_copy(update={"prices": model.prices.in_batches})


def _past(session: Session, dataset: Dataset, models: Collection[UUID]) -> dict[UUID, Past]:
    """Return what completed runs of models came to: over this dataset, else over its task."""
    past: dict[UUID, Past] = {}
    scopes: tuple[tuple[Scope, ColumnElement[bool]], ...] = (
        ("task", Dataset.task == dataset.task),
        ("dataset", Dataset.id == dataset.id),
    )
    for of, which in scopes:
        found = session.execute(
            select(Model.id, *SUMS)
            .join(Run, Run.model_id == Model.id)
            .join(Dataset, Dataset.id == Run.dataset_id)
            .where(Model.id.in_(models), Run.status == Status.COMPLETED, which)
            .group_by(Model.id)
        )
        for model_id, *sums in found:
            past[model_id] = Past(of, *map(int, sums))
    return past


def _pacing(session: Session, model_id: UUID, spec: ModelSpec, now: datetime) -> Pacing:
    """Return what a model allows and how it has fared."""
    used = 0
    if spec.limits.rpd is not None:
        most = spec.limits.rpd * len(spec.credential_keys)
        used = _calls_since(session, model_id, now - DAY, most)
    latency = _latency(session, model_id)
    return Pacing(spec.limits, len(spec.credential_keys), latency, used)


def _latency(session: Session, model_id: UUID) -> float | None:
    """Return how long the model's last answers took on average."""
    latest = (
        select(Run.id)
        .where(Run.model_id == model_id, Run.answered > 0)
        .order_by(Run.started_at.desc(), Run.id)
        .limit(1)
    )
    last = (
        select(Attempt.latency_s)
        .where(
            Attempt.run_id == latest.scalar_subquery(),
            Attempt.result == Result.ANSWERED,
            # A line of a batch takes as long as its file.
            Attempt.batch_id.is_(None),
        )
        .order_by(Attempt.id.desc())
        .limit(TIMED)
        .subquery()
    )
    return session.scalar(select(func.avg(last.c.latency_s)))


def _calls_since(session: Session, model_id: UUID, since: datetime, most: int) -> int:
    """Return how many calls of a model were sent since a moment, as far as `most`."""
    going = select(Run.id).where(
        Run.model_id == model_id,
        Run.attempts > 0,
        Run.finished_at.is_(None) | (Run.finished_at > since),
    )
    calls = (
        select(Attempt.id)
        .where(Attempt.run_id.in_(going), Attempt.sent_at > since)
        .limit(most)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(calls)) or 0


def _waiting(session: Session, models: Collection[UUID]) -> Mapping[UUID, list[Waiting]]:
    """Return what each job that is under way still has to send to the models."""
    left = session.execute(
        select(Model.id, Job.priority, func.sum(LEFT), func.sum(LEFT_TOKENS))
        .join(Run, Run.model_id == Model.id)
        .join(Job, Job.id == Run.job_id)
        .where(
            Model.id.in_(models),
            Run.status.in_((Status.QUEUED, Status.RUNNING)),
            # Files take no room that calls want.
            Run.dispatch == Dispatch.ONLINE,
        )
        .group_by(Model.id, Job.id, Job.priority)
    )
    waiting: defaultdict[UUID, list[Waiting]] = defaultdict(list)
    for model_id, priority, requests, tokens in left:
        waiting[model_id].append(Waiting(priority, Load(int(requests), round(tokens))))
    return waiting
