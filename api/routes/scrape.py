"""`GET /metrics`, for Prometheus."""

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.deps import PatienceDep, ScrapeDep, WholeDatabaseDep, authenticate_scraper
from api.schemas.problem import problems

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=PlainTextResponse,
    dependencies=[Depends(authenticate_scraper)],
    responses=problems(401, 403),
)
def scrape(
    database: WholeDatabaseDep, patience: PatienceDep, latest: ScrapeDep
) -> PlainTextResponse:
    """Count what is in the database; the same figures whichever API process answers."""
    return PlainTextResponse(latest.text(database, patience), media_type=CONTENT_TYPE_LATEST)
