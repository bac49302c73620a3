"""Bodies of /v1/keys, /v1/team, /v1/teams and /v1/audit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from api.schemas.base import Body
from api.schemas.budgets import MonthOut
from core.access import Caller
from core.keys import KeyDraft
from core.rules.money import dollars
from core.rules.specs import Name
from core.tables import ApiKey, AuditEntry, Team, TeamSpend
from core.vocabulary import Role

EXAMPLE: dict[str, Any] = {"name": "ada, laptop", "role": "member"}


def _printable(text: str) -> str:
    """Return a text that a list can show; raises ValueError for another."""
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


KeyName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, strip_whitespace=True),
    AfterValidator(_printable),
]


class KeyCreate(Body):
    """A key to be made."""

    name: KeyName = Field(description="Whose it is, or what for")
    role: Role = Role.MEMBER
    expires_at: AwareDatetime | None = Field(None, description="null: it lasts until revoked")
    team: Name | None = Field(None, description="Of another team; for operators")
    operator: bool = Field(
        default=False,
        description="May make teams and what is everyone's; for operators, with role admin",
    )

    def draft(self) -> KeyDraft:
        """Return the key as it is asked for."""
        return KeyDraft(self.name, self.role, self.operator, self.expires_at, self.team)


class KeyOut(BaseModel):
    """A key as it is shown; the key itself never is."""

    id: UUID
    name: str
    role: Role
    operator: bool
    created_at: datetime
    created_by: UUID | None = Field(description="The key it was made with; null: the service")
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return a key as it is shown."""
        return cls.model_validate(key, from_attributes=True)


class KeyMade(KeyOut):
    """A new key, with the one look at it that there is."""

    secret: str = Field(description="Shown this once: what the caller sends as Bearer")

    @classmethod
    def made(cls, key: ApiKey, secret: str) -> Self:
        """Return a new key with its secret."""
        return cls(**KeyOut.of(key).model_dump(), secret=secret)


class TeamCreate(Body):
    """A team to be made."""

    name: Name


class TeamShare(Body):
    """What part of its models' limits a team's calls are to be held to."""

    model_config = ConfigDict(json_schema_extra={"example": {"rate_share": 0.5}})

    rate_share: float = Field(gt=0, le=1)


class TeamOut(BaseModel):
    """A team."""

    id: UUID
    name: str
    rate_share: float = Field(
        description="The part of the limits of its models that its calls are held to"
    )

    @classmethod
    def of(cls, team: Team) -> Self:
        """Return a team as it is shown."""
        return cls(id=team.id, name=team.name, rate_share=team.rate_share)


class KeyOfCaller(BaseModel):
    """What the key that asks may do."""

    id: UUID
    name: str
    role: Role
    operator: bool


class OwnTeam(TeamOut):
    """The caller's team, what it may spend and has, and the key that was sent."""

    monthly_budget_usd: float | None = Field(description="In a calendar month, UTC; null: no bound")
    monthly_budget_requests: int | None = Field(description="Calls, each retry one")
    months: list[MonthOut] = Field(description="The latest first; those without a call left out")
    key: KeyOfCaller

    @classmethod
    def to(cls, caller: Caller, team: Team, months: Sequence[TeamSpend]) -> Self:
        """Return a team as it is shown to who calls."""
        nano = team.monthly_budget_nano
        key = KeyOfCaller(
            id=caller.key_id, name=caller.key_name, role=caller.role, operator=caller.operator
        )
        return cls(
            id=team.id,
            name=team.name,
            rate_share=team.rate_share,
            monthly_budget_usd=None if nano is None else dollars(nano),
            monthly_budget_requests=team.monthly_budget_requests,
            months=[MonthOut.of(month) for month in months],
            key=key,
        )


class AuditOut(BaseModel):
    """Something that was done."""

    id: int
    at: datetime
    key_id: UUID
    key_name: str
    action: str = Field(description="The name of the operation, such as `cancel_job`")
    object: str = Field(description="The id or name of what it was done to")
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return what was done as it is shown."""
        return cls.model_validate(entry, from_attributes=True)
