"""The audit log over REST: who did what."""

from fastapi import APIRouter

from api.deps import DatabaseDep, PageDep
from api.rules import ADMIN
from api.schemas.access import AuditOut
from api.schemas.base import Page
from core import trail

router = APIRouter(prefix="/audit", tags=["access"])


@router.get("", dependencies=[ADMIN], summary="Show who did what")
def list_audit(database: DatabaseDep, page: PageDep) -> Page[AuditOut]:
    """Return what was done with keys in the team, the latest first."""
    with database.read() as session:
        found = trail.page(session, after=page.after, limit=page.limit)
    return Page.of(found, AuditOut.of)
