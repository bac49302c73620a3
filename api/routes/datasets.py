"""Datasets over REST."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response, status
from fastapi.responses import FileResponse

from api import uploads
from api.deps import DatabaseDep, MediaStoreDep, PageDep, SettingsDep
from api.rules import MEMBER, VIEWER
from api.schemas.base import Int64, Page
from api.schemas.datasets import DatasetImported, DatasetOut, SampleOut
from api.schemas.problem import problems
from api.uploads import BODY, ImportDep
from core import datasets, trail
from core.db import utc_now
from core.media import headers, videos

router = APIRouter(prefix="/datasets", tags=["datasets"])

Reference = Annotated[
    str, Path(max_length=200, description="`name`, its newest version; or `name@digest`")
]

TYPES = {**headers.MIME, **videos.MIME}
FOREVER = "private, max-age=31536000, immutable"
"""A medium's digest is its address, so what is at it never changes."""


@router.get("", dependencies=[VIEWER], summary="List the datasets")
def list_datasets(database: DatabaseDep, page: PageDep) -> Page[DatasetOut]:
    """Return every version, by name and digest."""
    with database.read() as session:
        found = datasets.page(session, after=page.after, limit=page.limit)
    return Page.of(found, DatasetOut.of)


@router.post(
    "",
    dependencies=[MEMBER],
    status_code=status.HTTP_201_CREATED,
    summary="Import a dataset",
    openapi_extra={"requestBody": BODY},
    responses={
        200: {"model": DatasetImported, "description": "This very content was there already"},
        **problems(403, 404),
    },
)
def import_dataset(
    upload: ImportDep,
    database: DatabaseDep,
    store: MediaStoreDep,
    settings: SettingsDep,
    request: Request,
    response: Response,
) -> DatasetImported:
    """Import all of a dataset or, when something is wrong with it, nothing.

    The problem then lists every fault in `report`. An archive holds a folder for each label, or
    a manifest (`label.csv` with `name,gt`) and its media in `image/`, `video/` or beside it.
    """
    scratch, now = settings.data / "scratch", utc_now()
    scratch.mkdir(parents=True, exist_ok=True)
    with uploads.opened(upload, scratch) as source, database.write.begin() as session:
        dataset, report = datasets.import_dataset(
            session,
            store,
            upload.draft,
            source,
            now,
            skip_faulty=upload.skip_faulty,
            scratch=scratch,
        )
        trail.note(
            session, "import_dataset", datasets.version(dataset), {"new": report.new}, now=now
        )
    if not report.new:
        response.status_code = status.HTTP_200_OK
    version = datasets.version(dataset)
    response.headers["Location"] = request.app.url_path_for("get_dataset", name=version)
    return DatasetImported.made(dataset, report)


@router.get("/{name}", dependencies=[VIEWER], summary="Show a dataset", responses=problems(404))
def get_dataset(name: Reference, database: DatabaseDep) -> DatasetOut:
    """Return the newest version under a name, or the one whose digest is given."""
    with database.read() as session:
        return DatasetOut.of(datasets.get(session, name))


@router.get(
    "/{name}/samples",
    dependencies=[VIEWER],
    summary="List a dataset's samples",
    responses=problems(404),
)
def list_samples(name: Reference, database: DatabaseDep, page: PageDep) -> Page[SampleOut]:
    """Return the samples of a version in the order of their names."""
    with database.read() as session:
        dataset = datasets.get(session, name)
        found = datasets.samples(session, dataset, after=page.after, limit=page.limit)
    return Page.of(found, SampleOut.of)


@router.get(
    "/{name}/samples/{sample_id}/media",
    dependencies=[VIEWER],
    summary="Fetch a sample's image, video or frame",
    response_class=Response,
    responses={
        200: {
            "description": "The file, byte for byte as it was imported",
            "content": {kind: {} for kind in TYPES.values()},
        },
        206: {"description": "The part of it that a Range header asked for"},
        304: {"description": "The caller has it already"},
        **problems(404),
    },
)
def get_sample_media(
    name: Reference,
    sample_id: Int64,
    database: DatabaseDep,
    store: MediaStoreDep,
    index: Annotated[int, Query(ge=0, le=100_000, description="Which medium, from 0")] = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return one of a sample's media under its true content type."""
    with database.read() as session:
        ref = datasets.sample_media(session, datasets.get(session, name), sample_id, index)
    etag = f'"{ref.digest}"'
    head = {
        "ETag": etag,
        "Cache-Control": FOREVER,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": f'inline; filename="{ref.digest[:12]}.{ref.format}"',
    }
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=head)
    path = store.local_path(ref.digest)
    if path is None:
        return Response(store.get(ref.digest), headers=head, media_type=TYPES[ref.format])
    return FileResponse(path, headers=head, media_type=TYPES[ref.format])
