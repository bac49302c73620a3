"""What a provider showed of a model's limits."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.budgets import ModelSpendOut
from api.schemas.models import ModelOut
from core.rules.advice import Told, advice
from core.rules.room import Health
from core.rules.specs import Limits
from core.rules.standings import CredentialStanding, ModelStanding, RoomStanding
from core.spent import Spending
from core.tables import Model


class LimitOut(BaseModel):
    """One limit of one credential."""

    used: int
    configured: int | None
    told: int | None = Field(description="As the provider's headers last named it")
    kept: int | None = Field(description="The smaller of the two; null: none is known")

    @classmethod
    def of(cls, room: RoomStanding, configured: int | None) -> Self:
        """Return a limit as it is shown."""
        told, kept = room.provider_limit, room.effective
        return cls(used=room.used, configured=configured, told=told, kept=kept)


class StandingOut(BaseModel):
    """How a credential stands with the provider, as workers last saw it."""

    credential: str
    health: Health
    until: datetime | None = Field(description="When it is healthy again by itself")
    reason: str | None = Field(description="The provider's words, where it is not healthy")
    in_flight: int
    concurrency: int = Field(description="Calls under way at most: configured, or found so far")
    rpm: LimitOut
    tpm: LimitOut
    rpd: LimitOut

    @classmethod
    def of(cls, seen: CredentialStanding, limits: Limits, *, now: datetime) -> Self:
        """Return a standing as it is shown; a rest that is over is none."""
        over = seen.until is not None and seen.until <= now
        return cls(
            credential=seen.credential,
            health=Health.HEALTHY if over else seen.health,
            until=None if over else seen.until,
            reason=None if over else seen.reason,
            in_flight=seen.in_flight,
            concurrency=seen.concurrency,
            rpm=LimitOut.of(seen.rpm, limits.rpm),
            tpm=LimitOut.of(seen.tpm, limits.tpm),
            rpd=LimitOut.of(seen.rpd, limits.rpd),
        )


class ModelDetail(ModelOut):
    """A model with what its provider showed of its limits, and what it cost."""

    spend: ModelSpendOut
    standing: list[StandingOut] = Field(
        description="Of each credential, when a worker last looked; empty: none has called it"
    )
    standing_at: datetime | None = Field(description="When that was; null: never")
    advice: list[str] = Field(description="Where the provider allows more or less than configured")

    @classmethod
    def show(
        cls, model: Model, standing: ModelStanding, spending: Spending, *, now: datetime
    ) -> Self:
        """Return a model as it is shown alone; credentials that it has no more are left out."""
        shown = ModelOut.of(model)
        seen = [one for one in standing.credentials if one.credential in shown.credential_keys]
        told = [
            Told(
                one.credential,
                one.rpm.provider_limit,
                one.tpm.provider_limit,
                one.rpd.provider_limit,
            )
            for one in seen
        ]
        return cls(
            **dict(shown),
            spend=ModelSpendOut.of(spending),
            standing=[StandingOut.of(one, shown.limits, now=now) for one in seen],
            standing_at=standing.at,
            advice=advice(model.name, shown.limits, told),
        )
