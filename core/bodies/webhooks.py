"""Webhooks, and the messages that they are sent."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.bodies.work import Cost, Progress, StallOut
from core.rules.budgets import Whose
from core.rules.states import Status
from core.rules.webhooks import DeliveryState, HookEvent


class JobNews(BaseModel):
    """How a job is when something happens to it."""

    id: UUID
    status: Status
    dataset: str = Field(description="name@version")
    tags: dict[str, str]
    progress: Progress
    cost: Cost
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    stalled: StallOut | None = Field(None, description="In job.stalled: why nothing moves")


class TeamNews(BaseModel):
    """A team whose budget is reached."""

    id: UUID
    name: str
    month: str = Field(description="Such as 2026-11, in UTC")


class News(BaseModel):
    """What happened."""

    reason: str | None = Field(None, description="Why, in words for a person")
    budget: Whose | None = Field(None, description="In job.budget_reached: whose budget it is")
    job: JobNews | None = None
    team: TeamNews | None = None


class Message(BaseModel):
    """The body of what is sent."""

    type: HookEvent
    timestamp: datetime = Field(description="When it happened")
    data: News


class WebhookBody(BaseModel):
    """A webhook as it is shown; its secret never is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    url: str
    description: str
    events: tuple[HookEvent, ...] | None = Field(description="null: all of them")
    enabled: bool
    created_at: datetime
    old_until: datetime | None = Field(
        description="Until then the secret before this one signs too; null: there is none"
    )


class WebhookMadeBody(WebhookBody):
    """A new webhook, with the one look at its secret that there is."""

    secret: str = Field(description="Shown this once; what its messages are verified with")


class SecretBody(BaseModel):
    """A new secret, with the one look at it that there is."""

    secret: str = Field(description="Shown this once; what messages are verified with")
    old_until: datetime | None = Field(
        description="Until then the secret before it signs too; null: there was none"
    )


class TryBody(BaseModel):
    """One try at a delivery."""

    sent_at: datetime
    latency_s: float | None
    status: int | None = Field(description="null: no answer came")
    error: str | None
    answer: str = Field(description="The beginning of what was answered")


class DeliveryBody(BaseModel):
    """A message to one address, and what became of it."""

    id: UUID = Field(description="In every try the same: `webhook-id`")
    webhook_id: UUID | None = Field(description="null: to the address that its job names")
    job_id: UUID | None
    event: HookEvent
    state: DeliveryState
    not_before: datetime | None = Field(description="When the next try is due; null: it is over")
    created_at: datetime
    finished_at: datetime | None
    message: Message
    attempts: list[TryBody] = Field(description="The first one first")
