"""What a provider showed of a model's limits."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.models import ModelOut
from core.rules.limits import least
from core.rules.room import Health
from core.rules.specs import Limits
from core.standings import ModelStanding
from core.tables import Model, Standing


class LimitOut(BaseModel):
    """One limit of one credential."""

    used: int
    configured: int | None
    told: int | None = Field(description="As the provider's headers last named it")
    kept: int | None = Field(description="The smaller of the two; null: none is known")

    @classmethod
    def of(cls, used: int, configured: int | None, told: int | None) -> Self:
        """Return a limit as it is shown."""
        return cls(used=used, configured=configured, told=told, kept=least(configured, told))


class StandingOut(BaseModel):
    """How a credential stands with the provider, as workers last saw it."""

    credential: str
    seen_at: datetime
    health: Health
    until: datetime | None = Field(description="When it is healthy again by itself")
    reason: str | None = Field(description="The provider's words, where it is not healthy")
    in_flight: int
    concurrency: int = Field(description="Calls under way at most: configured, or found so far")
    rpm: LimitOut
    tpm: LimitOut
    rpd: LimitOut

    @classmethod
    def of(cls, seen: Standing, limits: Limits, *, now: datetime) -> Self:
        """Return a standing as it is shown; a rest that is over is none."""
        over = seen.until is not None and seen.until <= now
        return cls(
            credential=seen.credential,
            seen_at=seen.seen_at,
            health=Health.HEALTHY if over else seen.health,
            until=None if over else seen.until,
            reason=None if over else seen.reason,
            in_flight=seen.in_flight,
            concurrency=seen.concurrency,
            rpm=LimitOut.of(seen.rpm_used, limits.rpm, seen.rpm_told),
            tpm=LimitOut.of(seen.tpm_used, limits.tpm, seen.tpm_told),
            rpd=LimitOut.of(seen.rpd_used, limits.rpd, seen.rpd_told),
        )


class ModelDetail(ModelOut):
    """A model with what its provider showed of its limits."""

    standing: list[StandingOut] = Field(description="Of each credential that was sent with")
    advice: list[str] = Field(description="Where the provider allows more or less than configured")

    @classmethod
    def show(cls, model: Model, seen: ModelStanding, *, now: datetime) -> Self:
        """Return a model as it is shown alone."""
        limits = seen.spec.limits
        return cls(
            **dict(ModelOut.of(model)),
            standing=[StandingOut.of(each, limits, now=now) for each in seen.credentials],
            advice=seen.advice(),
        )
