"""How a model's limits stood when a worker last looked: what the database tells the API of them."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from core.rules.room import Health, Reason


class RoomStanding(BaseModel):
    """One limit of one credential."""

    model_config = ConfigDict(from_attributes=True)

    used: int
    effective: int | None
    """As kept: as configured, or less where the provider said so; null: not known."""
    provider_limit: int | None = None
    """As the provider last told it."""


class CredentialStanding(BaseModel):
    """One credential of a model."""

    model_config = ConfigDict(from_attributes=True)

    credential: str
    health: Health
    until: datetime | None
    """When it is healthy again by itself."""
    reason: str | None
    """The provider's words, where it is not healthy."""
    in_flight: int
    """Calls under way, of all processes that share the limits."""
    concurrency: int
    rpm: RoomStanding
    tpm: RoomStanding
    rpd: RoomStanding
    pace_rpm: float


class Want(BaseModel):
    """What the next call waits for."""

    until: datetime
    """When there is room, or when it is asked about again."""
    reason: str
    """A `Reason`, or words for people."""

    @property
    def limit(self) -> Reason | None:
        """Return the limit that there is no room in, if that is what is waited for."""
        return Reason(self.reason) if self.reason in set(Reason) else None


class ModelStanding(BaseModel):
    """All credentials of a model, and what its calls wait for."""

    credentials: list[CredentialStanding] = []
    want: Want | None = None
    at: datetime | None = None
    """When a worker looked."""
    away: str | None = None
    """Why the limits could not be looked at; null: they could."""

    def daily(self) -> tuple[int, int] | None:
        """Return the requests used of a day's, and those allowed, all credentials together.

        None where one of the credentials has no known limit on them.
        """
        rooms = [each.rpd for each in self.credentials]
        allowed = [room.effective for room in rooms if room.effective is not None]
        if not rooms or len(allowed) < len(rooms):
            return None
        return sum(room.used for room in rooms), sum(allowed)

    def pace_rpm(self) -> float:
        """Return the requests a minute that all credentials send together at present."""
        return sum(each.pace_rpm for each in self.credentials)


def soonest(credentials: Sequence[CredentialStanding]) -> CredentialStanding | None:
    """Return the credential that is healthy again first; None where one is, or there is none.

    One that is revoked comes last: only a person helps it.
    """
    if not credentials or any(each.health is Health.HEALTHY for each in credentials):
        return None
    resting = [(each.until, each) for each in credentials if each.until is not None]
    return min(resting, key=lambda pair: pair[0])[1] if resting else credentials[0]
