"""What a job is doing: calls a minute against the limits, why requests were split, what failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core import jobs
from core.models import allowed
from core.rules.specs import ModelSpec
from core.tables import Attempt, Model, Request, Run
from core.vocabulary import Cause, Result

MINUTE = timedelta(minutes=1)
MINUTES = 30
MOST_FAULTS = 20
MOST_SPLITS = 300


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Minute(_Body):
    """The calls that were sent within one minute."""

    at: datetime
    """When it began."""
    requests: int
    throttled: int
    """Of them: turned away by a limit."""


class ModelLimit(_Body):
    """How many calls a minute a model of the job takes, all of its credentials together."""

    model: str
    rpm: int | None = Field(description="null: not known, so it is searched for")


class Fault(_Body):
    """What a provider, or the connection to it, said instead of an answer."""

    reason: str
    requests: int
    """Requests whose last such words these are."""


class Activity(_Body):
    """What a job is doing, or did last."""

    minutes: tuple[Minute, ...] = Field(description="The last thirty; of an ended job, its last")
    limits: tuple[ModelLimit, ...]
    causes: dict[Cause, int] = Field(description="Requests by why they exist")
    faults: tuple[Fault, ...] = Field(description="The most frequent first")


def of_job(session: Session, job_id: UUID, *, now: datetime) -> Activity:
    """Return what a job is doing. Raises NotFound."""
    job = jobs.get(session, job_id)
    runs = jobs.runs_of(session, [job.id])
    ids = [run.id for run in runs]
    return Activity(
        minutes=_minutes(session, ids, until=job.finished_at or now),
        limits=_limits(session, runs),
        causes=_causes(session, ids),
        faults=_faults(session, ids),
    )


def splits(session: Session, job_id: UUID) -> list[Request]:
    """Return the latest requests of a job that came of a split, with all those above them."""
    ids = [run.id for run in jobs.runs_of(session, [jobs.get(session, job_id).id])]
    latest = session.scalars(
        select(Request)
        .where(Request.run_id.in_(ids), Request.parent_id.is_not(None))
        .order_by(Request.id.desc())
        .limit(MOST_SPLITS)
    )
    found = {request.id: request for request in latest}
    while above := {each.parent_id for each in found.values() if each.parent_id} - set(found):
        parents = session.scalars(select(Request).where(Request.id.in_(above)))
        found.update({request.id: request for request in parents})
    return [found[number] for number in sorted(found)]


def _minutes(session: Session, run_ids: Sequence[UUID], *, until: datetime) -> tuple[Minute, ...]:
    """Return the last minutes, those without a call too; one query that counts each."""
    last = until.replace(second=0, microsecond=0)
    starts = [last - MINUTE * back for back in reversed(range(MINUTES))]
    within = [and_(Attempt.sent_at >= at, Attempt.sent_at < at + MINUTE) for at in starts]
    throttled = Attempt.result == Result.RATE_LIMITED
    counts = session.execute(
        select(
            *(func.count().filter(one) for one in within),
            *(func.count().filter(and_(one, throttled)) for one in within),
        ).where(Attempt.run_id.in_(run_ids), Attempt.sent_at >= starts[0])
    ).one()
    sent, turned_away = counts[:MINUTES], counts[MINUTES:]
    return tuple(
        Minute(at=at, requests=n, throttled=t)
        for at, n, t in zip(starts, sent, turned_away, strict=True)
    )


def _limits(session: Session, runs: Sequence[Run]) -> tuple[ModelLimit, ...]:
    ids = {run.model_id for run in runs}
    found = session.scalars(select(Model).where(Model.id.in_(ids)).order_by(Model.name))
    return tuple(_limit(allowed(session, model)) for model in found)


def _limit(spec: ModelSpec) -> ModelLimit:
    """Return a model's limit: each credential has its own."""
    rpm, credentials = spec.limits.rpm, max(1, len(spec.credentials))
    return ModelLimit(model=spec.name, rpm=None if rpm is None else rpm * credentials)


def _causes(session: Session, run_ids: Sequence[UUID]) -> dict[Cause, int]:
    found = session.execute(
        select(Request.cause, func.count())
        .where(Request.run_id.in_(run_ids))
        .group_by(Request.cause)
    )
    return {cause: count for cause, count in found}  # noqa: C416 - rows are no pairs to mypy


def _faults(session: Session, run_ids: Sequence[UUID]) -> tuple[Fault, ...]:
    """Return what requests met; these are read, not attempts, which hold whole replies."""
    times = func.count()
    found = session.execute(
        select(Request.reason, times)
        .where(Request.run_id.in_(run_ids), Request.reason.is_not(None))
        .group_by(Request.reason)
        .order_by(times.desc(), Request.reason)
        .limit(MOST_FAULTS)
    )
    return tuple(Fault(reason=reason or "", requests=count) for reason, count in found)
