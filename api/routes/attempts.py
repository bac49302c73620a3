"""Attempts over REST: what was said, verbatim."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.deps import DatabaseDep
from api.rules import VIEWER
from api.schemas.attempts import AttemptDetail
from api.schemas.problem import problems
from core import attempts

router = APIRouter(prefix="/attempts", tags=["runs"])

AttemptId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get(
    "/{attempt_id}", dependencies=[VIEWER], summary="Show an attempt", responses=problems(404)
)
def get_attempt(attempt_id: AttemptId, database: DatabaseDep) -> AttemptDetail:
    """Return one exchange with the provider: what was sent and what came back."""
    with database.read() as session:
        return AttemptDetail.of(attempts.get(session, attempt_id))
