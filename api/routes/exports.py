"""Whole runs and jobs as files over REST, streamed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from api.deps import DatabaseDep
from api.rules import VIEWER
from api.schemas.problem import problems
from core import runs
from core.db import Database
from core.exports import attempts, rows
from core.exports.forms import written
from core.progress import RunDetail
from core.vocabulary import ExportFormat

router = APIRouter(tags=["runs"])

JSONL = "application/jsonl"
TYPES = {
    ExportFormat.CSV: "text/csv",
    ExportFormat.JSONL: JSONL,
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
SHORT = 8
"""Digits of an id in the name of a file."""

FormQuery = Annotated[
    ExportFormat,
    Query(alias="format", description="JSONL and Parquet are verbatim, CSV is for people"),
]


def _files(*types: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with a file of one of these types."""
    content: dict[str, Any] = {each: {} for each in types}
    return {200: {"description": "The file, streamed", "content": content}, **problems(404)}


@router.get(
    "/runs/{run_id}/export",
    dependencies=[VIEWER],
    summary="Export a run",
    response_class=Response,
    responses=_files(*TYPES.values()),
)
def export_run(run_id: UUID, database: DatabaseDep, form: FormQuery = ExportFormat.CSV) -> Response:
    """Return all predictions of a run as a file, in the order of the dataset."""
    return _predictions(database, lambda session: rows.of_run(session, run_id), form, "run", run_id)


@router.get(
    "/jobs/{job_id}/export",
    dependencies=[VIEWER],
    summary="Export a job",
    response_class=Response,
    responses=_files(*TYPES.values()),
)
def export_job(job_id: UUID, database: DatabaseDep, form: FormQuery = ExportFormat.CSV) -> Response:
    """Return all predictions of all runs of a job as one file, run after run."""
    return _predictions(database, lambda session: rows.of_job(session, job_id), form, "job", job_id)


@router.get(
    "/runs/{run_id}/attempts/export",
    dependencies=[VIEWER],
    summary="Export a run's attempts",
    response_class=Response,
    responses=_files(JSONL),
)
def export_attempts(
    run_id: UUID,
    database: DatabaseDep,
    form: Annotated[Literal["jsonl"], Query(alias="format")] = "jsonl",
) -> Response:
    """Return every exchange of a run with its provider, bodies included, one JSON object a line."""
    with database.read() as session:
        runs.get(session, run_id)
    name = f"attempts-{str(run_id)[:SHORT]}.{form}"
    return _streamed(attempts.lines(database, run_id), JSONL, name)


def _predictions(
    database: Database,
    find: Callable[[Session], Sequence[RunDetail]],
    form: ExportFormat,
    kind: str,
    of: UUID,
) -> Response:
    """Return the predictions of the runs that `find` finds."""
    with database.read() as session:
        details = find(session)
    content = written(rows.batches(database, details), form)
    return _streamed(content, TYPES[form], f"{kind}-{str(of)[:SHORT]}.{form}")


def _streamed(content: Iterator[bytes], media_type: str, name: str) -> Response:
    """Return chunks as a file; each is made in a thread of the pool when the last has gone out."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=media_type, headers=headers)
