"""Bodies of /v1/jobs and /v1/runs."""

from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.budgets import spend_of
from api.schemas.quotes import against_quote_of
from core import budgets, datasets
from core.bodies.work import (
    BatchOut,
    BudgetOut,
    JobBody,
    JobSummary,
    PredictionBody,
    RunBody,
    SampleRef,
    StallOut,
)
from core.progress import JobDetail, RunDetail, cost_of, eta_seconds, progress_of, total
from core.rules.money import dollars
from core.rules.quotes import Quote
from core.rules.stalls import Stall
from core.rules.states import RequestState
from core.rules.submissions import MAX_INT
from core.tables import Prediction, Request
from core.vocabulary import Cause, Dispatch

EXAMPLE: dict[str, Any] = {
    "dataset": "demo-faces",
    "models": ["local"],
    "conditions": {"template": ["default"], "color": ["rgb"], "detail": ["low"]},
    "repeats": 1,
    "sample_limit": 100,
    "seed": 0,
    "tags": {"paper": "table-9"},
}


class RunOut(RunBody):
    """One pass of one model under one condition over the samples."""

    @classmethod
    def of(cls, detail: RunDetail, stall: Stall | None = None, **more: Any) -> Self:
        """Return a run as it is shown."""
        run = detail.run
        return cls(
            id=run.id,
            origin=run.origin,
            job=run.job_id,
            dataset=datasets.version(detail.dataset),
            model=detail.model,
            condition=run.condition,
            repeat=run.repeat,
            seed=run.seed,
            samples_of=run.samples_of,
            batch_size=run.batch_size,
            batch_asked=run.batch_asked,
            dispatch=run.dispatch,
            status=run.status,
            reason=run.reason or (stall and stall.detail),
            stalled=stall and StallOut.model_validate(stall),
            created_at=run.created_at,
            started_at=run.started_at,
            canary_passed_at=run.canary_passed_at,
            finished_at=run.finished_at,
            progress=progress_of([detail]),
            cost=cost_of([detail]),
            **more,
        )


def budget_of(detail: JobDetail) -> BudgetOut:
    """Return what a job may spend and has, as it is shown."""
    budget, spent = budgets.of_job(detail.job), detail.spent
    return BudgetOut(
        usd=None if budget.nano is None else dollars(budget.nano),
        requests=budget.requests,
        unheard_usd=dollars(spent.spent - total(detail.runs, "cost_nano")),
        **spend_of(spent),
    )


class JobState(JobSummary):
    """One submission and how far it has got, without its runs."""

    @classmethod
    def fields_of(cls, detail: JobDetail, *, now: datetime) -> dict[str, Any]:
        """Return what a job shows of itself, by the names of the fields here."""
        job, runs = detail.job, detail.runs
        reasons = [d.run.reason for d in runs if d.run.reason is not None]
        stall, left = detail.stall, eta_seconds(detail, now=now)
        if stall is not None:
            reasons.append(stall.detail)
        return {
            "id": job.id,
            "status": job.status,
            "dataset": datasets.version(detail.dataset),
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "dispatch": job.submission.get("dispatch", Dispatch.ONLINE),
            "priority": job.priority,
            "tags": job.submission["tags"],
            "progress": progress_of(runs),
            "eta_seconds": left,
            "eta": None if left is None else now + timedelta(seconds=left),
            "cost": cost_of(runs),
            "budget": budget_of(detail),
            "against_quote": against_quote_of(job, Quote.model_validate(job.quote), runs),
            "reason": reasons[0] if reasons else None,
            "stalled": stall and StallOut.model_validate(stall),
            "batches": [BatchOut.model_validate(batch) for batch in detail.batches],
        }


class JobOut(JobState, JobBody):
    """One submission, its runs and how far they have got."""

    runs: tuple[RunOut, ...]

    @classmethod
    def of(cls, detail: JobDetail, *, now: datetime) -> Self:
        """Return a job as it is shown."""
        return cls(
            **cls.fields_of(detail, now=now),
            quote=Quote.model_validate(detail.job.quote),
            runs=tuple(RunOut.of(d, detail.stalls.get(d.run.id)) for d in detail.runs),
        )


class AuditBody(BaseModel):
    """Which samples of a run to ask about again, one a request."""

    model_config = ConfigDict(extra="forbid")

    samples: int = Field(100, ge=1, le=MAX_INT, description="At most; all that the run has")
    seed: int = Field(1, ge=0, le=MAX_INT, description="Of the choice among the run's samples")


class RequestOut(BaseModel):
    """Samples asked about in one call; splits form a tree."""

    id: int
    parent_id: int | None
    cause: Cause
    state: RequestState
    size: int
    sample_ids: list[int]
    attempts: int
    failures: int
    throttles: int
    refusals: int
    reason: str | None = Field(description="What the last attempt that was no answer said")
    not_before: datetime
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return a request as it is shown."""
        own = {name: getattr(request, name) for name in cls.model_fields if name != "size"}
        return cls(**own, size=len(request.sample_ids))


class PredictionOut(PredictionBody):
    """What a run says of one sample."""

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """Return a prediction as it is shown."""
        sample = prediction.sample
        own = {name: getattr(prediction, name) for name in cls.model_fields if name != "sample"}
        target = sample.target_number if sample.target is None else sample.target
        return cls(**own, sample=SampleRef(id=sample.id, name=sample.name, target=target))
