"""The audit log over REST: who did what."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import DatabaseDep, PageDep
from api.rules import ADMIN
from api.schemas.access import AuditOut
from api.schemas.base import Page
from core import trail
from core.trail import TrailFilter

router = APIRouter(prefix="/audit", tags=["access"])


@router.get("", dependencies=[ADMIN], summary="Show who did what")
def list_audit(
    database: DatabaseDep,
    page: PageDep,
    key_name: Annotated[str | None, Query(max_length=64, description="Who did it")] = None,
    action: Annotated[str | None, Query(max_length=64, description="Such as `cancel_job`")] = None,
    obj: Annotated[
        str | None, Query(alias="object", max_length=255, description="To what: its id or name")
    ] = None,
) -> Page[AuditOut]:
    """Return what was done with keys in the team, the latest first."""
    wanted = TrailFilter(key_name, action, obj)
    with database.read() as session:
        found = trail.page(session, wanted, after=page.after, limit=page.limit)
    return Page.of(found, AuditOut.of)
