"""Jobs, runs and predictions as they are answered."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.rules.batches import BatchState, Ending
from core.rules.quotes import Quote
from core.rules.stalls import StallCode
from core.rules.states import Status
from core.vocabulary import Dispatch, Origin, Outcome


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


class Cost(BaseModel):
    """What was spent, as the provider counted tokens."""

    usd: float | None = Field(description="null: a model has no prices")
    lost_usd: float | None = Field(description="The part that bought no prediction")
    prompt_tokens: int
    completion_tokens: int


class SpendOut(BaseModel):
    """What has been spent, and what is set aside for calls under way."""

    spent_usd: float = Field(
        description="Calls whose cost nobody heard are in it at the most that they can have cost"
    )
    reserved_usd: float = Field(description="The most that the calls under way can cost")
    attempts: int = Field(description="Calls so far, each retry one: what counts as requests")


class BudgetOut(SpendOut):
    """What a job may spend, and what it has."""

    usd: float | None = Field(description="null: no bound")
    requests: int | None = Field(description="null: no bound")
    unheard_usd: float = Field(
        description="The part of what is spent that is possibly billed: nobody heard the cost"
    )


class StallOut(BaseModel):
    """Why nothing was answered for a while; it goes away when something moves."""

    model_config = ConfigDict(from_attributes=True)

    code: StallCode
    since: datetime
    until: datetime | None = Field(description="When it ends by itself; null: nobody knows")
    detail: str = Field(description="For people; it is the `reason` too")


class Compared(BaseModel):
    """One figure of a quote, and what became of it so far."""

    quoted: float | None = Field(description="With the expected overhead; null: it was not known")
    actual: float | None
    ratio: float | None = Field(description="actual / quoted")

    @classmethod
    def of(cls, quoted: float | None, actual: float | None) -> Self:
        """Return two figures and their ratio, where there is one."""
        ratio = None if actual is None or not quoted else actual / quoted
        return cls(quoted=quoted, actual=actual, ratio=ratio)


class AgainstQuote(BaseModel):
    """What was quoted when a job was submitted, and what it took so far."""

    requests: Compared = Field(description="Actual: the calls that were made, failed ones too")
    tokens: Compared
    usd: Compared
    seconds: Compared = Field(description="From submission to the end; null until it has ended")


class BatchOut(BaseModel):
    """A file of a job's requests at a provider, and how far it has got there."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    job_id: UUID
    model_id: UUID
    credential: str = Field(description="Where its secret was read from")
    state: BatchState
    ending: Ending | None = Field(description="Why it is over; null while it is not")
    lines: int = Field(description="Requests in it")
    completed: int = Field(description="Lines answered, as the provider counts")
    failed: int = Field(description="Lines that ended otherwise, as the provider counts")
    file_id: str | None = Field(description="The provider's name of the file")
    provider_id: str | None = Field(description="The provider's name of the batch")
    provider_status: str | None = Field(description="In the provider's words")
    created_at: datetime
    submitted_at: datetime | None
    expires_at: datetime | None = Field(description="When the provider gives it up")
    cancel_asked_at: datetime | None
    finished_at: datetime | None
    poll_at: datetime | None = Field(description="When it is looked at next; null: it is over")
    reason: str | None = Field(description="What it waits for, or why it ended so")


class RunBody(BaseModel):
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
    canary_passed_at: datetime | None = Field(
        description="When a call of its job to its model first got through; null: it has not"
    )
    finished_at: datetime | None
    progress: Progress
    cost: Cost


class JobSummary(BaseModel):
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
    budget: BudgetOut
    against_quote: AgainstQuote
    reason: str | None = Field(description="Why it is paused or failed, or does not move")
    stalled: StallOut | None = Field(description="null: it moves, or is not to")
    batches: list[BatchOut] = Field(description="Files under way at the provider")


class JobBody(JobSummary):
    """One submission, its runs and how far they have got."""

    quote: Quote = Field(description="As it was when the job was submitted")
    runs: tuple[RunBody, ...]


class SampleRef(BaseModel):
    """The sample that a prediction is about."""

    id: int
    name: str
    target: str | float = Field(description="A label, or a number")


class PredictionBody(BaseModel):
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
