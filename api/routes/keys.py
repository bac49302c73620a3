"""API keys over REST: who may call, and as what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, status

from api.deps import DatabaseDep, KeyringDep, PageDep
from api.rules import ADMIN
from api.schemas.access import EXAMPLE, KeyCreate, KeyMade, KeyOut
from api.schemas.base import Page
from api.schemas.problem import problems
from core import keys, trail
from core.db import utc_now
from core.rules.specs import Name

router = APIRouter(prefix="/keys", tags=["access"])

OfTeam = Annotated[Name | None, Query(description="Of another team; for operators")]


@router.get("", dependencies=[ADMIN], summary="List keys", responses=problems(404))
def list_keys(database: DatabaseDep, page: PageDep, team: OfTeam = None) -> Page[KeyOut]:
    """Return the team's keys, the latest first; those that are revoked, too."""
    with database.read() as session:
        found = keys.page(session, team=team, after=page.after, limit=page.limit)
    return Page.of(found, KeyOut.of)


@router.post(
    "",
    dependencies=[ADMIN],
    status_code=status.HTTP_201_CREATED,
    summary="Make a key",
    responses=problems(404),
)
def create_key(
    body: Annotated[KeyCreate, Body(examples=[EXAMPLE])], database: DatabaseDep
) -> KeyMade:
    """Make a key and show it, this once: only its hash is kept."""
    now = utc_now()
    with database.write.begin() as session:
        key, secret = keys.create(session, body.draft(), now=now)
        details = {"name": key.name, "role": key.role, "operator": key.operator}
        trail.note(session, "create_key", key.id, details, now=now, team_id=key.team_id)
    return KeyMade.made(key, secret)


@router.delete(
    "/{key_id}",
    dependencies=[ADMIN],
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Revoke a key",
    responses=problems(404, 409),
)
def revoke_key(key_id: UUID, database: DatabaseDep, keyring: KeyringDep) -> None:
    """Let a key open nothing any more: at once here, within a second in other processes."""
    now = utc_now()
    with database.write.begin() as session:
        key = keys.revoke(session, key_id, now=now)
        trail.note(session, "revoke_key", key.id, {"name": key.name}, now=now, team_id=key.team_id)
    keyring.forget()
