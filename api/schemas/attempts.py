"""Bodies of attempts."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from core import retention
from core.rules.money import dollars
from core.tables import Attempt
from core.vocabulary import Result


class AttemptOut(BaseModel):
    """One HTTP exchange, without its bodies."""

    id: int
    run_id: UUID
    request_id: int
    number: int = Field(description="From 1 within its request")
    batch_id: UUID | None = Field(description="The provider's batch it was a line of")
    credential: str = Field(description="Where its secret was read from")
    result: Result
    status: int | None = Field(description="HTTP status; null when no whole reply came")
    sent_at: datetime
    finished_at: datetime | None
    latency_s: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    reserved_usd: float = Field(
        description="The most that it can cost: held in budgets while it is under way; stays, and"
        " counts as spent, where it may have been billed and nobody heard for how much"
    )
    reason: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Return an attempt as it is shown."""
        return cls(**_own(attempt, AttemptOut))


class AttemptDetail(AttemptOut):
    """One HTTP exchange, verbatim."""

    sent: dict[str, Any] = Field(description="The body; media are replaced by their digests")
    sent_sha256: str = Field(description="Of the body as it went over the wire")
    headers: dict[str, str] | None
    body: str | None = Field(description="As text; bytes that are no UTF-8 are replaced")
    body_sha256: str | None = Field(description="Of a body that was dropped")
    dropped_at: datetime | None = Field(description="When body and headers were dropped")
    dropped_because: str | None = Field(description="Why they were, in a sentence")

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Return an attempt with all that was sent and received."""
        return cls(
            **_own(attempt, AttemptOut),
            sent=attempt.sent,
            sent_sha256=attempt.sent_sha256,
            headers=attempt.headers,
            body=None if attempt.body is None else attempt.body.decode(errors="replace"),
            body_sha256=attempt.body_sha256,
            dropped_at=attempt.dropped_at,
            dropped_because=attempt.dropped_at and retention.WHY,
        )


def _own(attempt: Attempt, shown: type[AttemptOut]) -> dict[str, Any]:
    """Return the fields that an attempt has under the same name, and its cost in dollars."""
    cost = attempt.cost_nano
    money = {
        "cost_usd": None if cost is None else dollars(cost),
        "reserved_usd": dollars(attempt.reserved_nano),
    }
    names = shown.model_fields.keys() - money.keys()
    return {**{name: getattr(attempt, name) for name in names}, **money}
