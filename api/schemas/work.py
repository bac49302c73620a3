"""Bodies of /v1/jobs and /v1/runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.batches import BatchOut
from api.schemas.quotes import AgainstQuote
from core import datasets
from core.progress import COUNTS, JobDetail, RunDetail, eta_seconds, total
from core.rules.money import dollars
from core.rules.quotes import Quote
from core.rules.stalls import Stall, StallCode
from core.rules.states import RequestState, Status
from core.rules.submissions import MAX_INT
from core.tables import Prediction, Request
from core.vocabulary import Cause, Dispatch, Origin, Outcome

EXAMPLE: dict[str, Any] = {
    "dataset": "demo-faces",
    "models": ["local"],
    "conditions": {"template": ["default"], "color": ["rgb"], "detail": ["low"]},
    "repeats": 1,
    "sample_limit": 100,
    "seed": 0,
    "tags": {"paper": "table-9"},
}


class Progress(BaseModel):
    """Samples by outcome, and what it took."""

    samples: int
    answered: int
    refused: int
    unparsed: int
    failed: int
    pending: int
    requests: int
    attempts: int
    unknown_attempts: int = Field(description="Nobody heard their end: possibly billed")

    @classmethod
    def of(cls, runs: Sequence[RunDetail]) -> Self:
        """Return the progress of some runs together."""
        counts = {name: total(runs, name) for name in COUNTS}
        ended = sum(counts[outcome.value] for outcome in Outcome)
        return cls(**counts, pending=counts["samples"] - ended)


class Cost(BaseModel):
    """What was spent, as the provider counted tokens."""

    usd: float | None = Field(description="null: a model has no prices")
    lost_usd: float | None = Field(description="The part that bought no prediction")
    prompt_tokens: int
    completion_tokens: int

    @classmethod
    def of(cls, runs: Sequence[RunDetail]) -> Self:
        """Return the cost of some runs together."""
        priced = all(detail.priced for detail in runs)
        return cls(
            usd=dollars(total(runs, "cost_nano")) if priced else None,
            lost_usd=dollars(total(runs, "lost_nano")) if priced else None,
            prompt_tokens=total(runs, "prompt_tokens"),
            completion_tokens=total(runs, "completion_tokens"),
        )


class StallOut(BaseModel):
    """Why nothing was answered for a while; it goes away when something moves."""

    model_config = ConfigDict(from_attributes=True)

    code: StallCode
    since: datetime
    until: datetime | None = Field(description="When it ends by itself; null: nobody knows")
    detail: str = Field(description="For people; it is the `reason` too")


class RunOut(BaseModel):
    """One pass of one model under one condition over the samples."""

    id: UUID
    origin: Origin
    job: UUID | None = Field(description="null: published by others")
    dataset: str = Field(description="name@version")
    model: str
    condition: dict[str, Any]
    repeat: int
    seed: int
    samples_of: UUID | None = Field(
        description="The run among whose samples it takes its own; null: all of the dataset"
    )
    batch_size: int
    batch_asked: int | None = Field(
        description="As the job asked, before the model bounded it; null: by modality"
    )
    dispatch: Dispatch
    status: Status
    reason: str | None = Field(description="Why it is paused or failed, or does not move")
    stalled: StallOut | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    cost: Cost

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
            finished_at=run.finished_at,
            progress=Progress.of([detail]),
            cost=Cost.of([detail]),
            **more,
        )


class JobState(BaseModel):
    """One submission and how far it has got, without its runs."""

    id: UUID
    status: Status
    dataset: str = Field(description="name@version")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    dispatch: Dispatch = Field(description="`batch`: in files, through the provider's batch mode")
    priority: int
    tags: dict[str, str]
    progress: Progress
    eta_seconds: float | None = Field(
        description="Known waits included; null: no pace is known, or when it goes on"
    )
    eta: datetime | None = Field(description="When that will be")
    cost: Cost
    against_quote: AgainstQuote
    reason: str | None = Field(description="Why it is paused or failed, or does not move")
    stalled: StallOut | None = Field(description="null: it moves, or is not to")
    batches: list[BatchOut] = Field(description="Files under way at the provider")

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
            "progress": Progress.of(runs),
            "eta_seconds": left,
            "eta": None if left is None else now + timedelta(seconds=left),
            "cost": Cost.of(runs),
            "against_quote": AgainstQuote.of(job, Quote.model_validate(job.quote), runs),
            "reason": reasons[0] if reasons else None,
            "stalled": stall and StallOut.model_validate(stall),
            "batches": [BatchOut.of(batch) for batch in detail.batches],
        }


class JobOut(JobState):
    """One submission, its runs and how far they have got."""

    quote: Quote = Field(description="As it was when the job was submitted")
    runs: list[RunOut]

    @classmethod
    def of(cls, detail: JobDetail, *, now: datetime) -> Self:
        """Return a job as it is shown."""
        return cls(
            **cls.fields_of(detail, now=now),
            quote=Quote.model_validate(detail.job.quote),
            runs=[RunOut.of(d, detail.stalls.get(d.run.id)) for d in detail.runs],
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


class SampleRef(BaseModel):
    """The sample that a prediction is about."""

    id: int
    name: str
    target: str | float = Field(description="A label, or a number")


class PredictionOut(BaseModel):
    """What a run says of one sample."""

    sample: SampleRef
    outcome: Outcome
    label: str | None
    in_vocabulary: bool | None
    ranked: list[str] | None = Field(description="Labels, best first")
    rank: int | None = Field(description="Place of the first right one, from 1")
    slot: int | None = Field(description="Place in its request, from 0")
    batch: int | None = Field(description="Samples in its request")
    request_id: int | None = Field(description="null: published by others")
    attempt_id: int | None

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """Return a prediction as it is shown."""
        sample = prediction.sample
        own = {name: getattr(prediction, name) for name in cls.model_fields if name != "sample"}
        target = sample.target_number if sample.target is None else sample.target
        return cls(**own, sample=SampleRef(id=sample.id, name=sample.name, target=target))
