"""Templates over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response, status

from api.deps import DatabaseDep, MediaStoreDep, PageDep
from api.rules import MEMBER, VIEWER
from api.schemas.base import Page
from api.schemas.problem import problems
from api.schemas.templates import (
    PREVIEW,
    DiffOut,
    ModalityQuery,
    PreviewOut,
    TemplateCreate,
    TemplateOut,
)
from core import previews, templates, trail
from core.db import utc_now
from core.rules.submissions import PreviewSpec
from core.templates import TemplateFilter
from core.vocabulary import Task

router = APIRouter(prefix="/templates", tags=["templates"])


@router.get("", dependencies=[VIEWER], summary="List the templates")
def list_templates(
    database: DatabaseDep,
    page: PageDep,
    *,
    task: Task | None = None,
    modality: ModalityQuery | None = None,
    name: Annotated[
        str | None, Query(max_length=80, description="A name, or `name@version`")
    ] = None,
    newest: Annotated[
        bool, Query(description="Only the versions that a name alone stands for")
    ] = False,
) -> Page[TemplateOut]:
    """Return every version, by task, modality, name and version.

    A name stands for one text in each task and modality; versions count within these.
    """
    wanted = TemplateFilter(task, modality, name, newest)
    with database.read() as session:
        found = templates.page(session, wanted, after=page.after, limit=page.limit)
    return Page.of(found, TemplateOut.of)


@router.post(
    "",
    dependencies=[MEMBER],
    status_code=status.HTTP_201_CREATED,
    summary="Add a template, or a version of one",
    responses={
        200: {"model": TemplateOut, "description": "A version has this text already"},
        **problems(409),
    },
)
def create_template(
    body: TemplateCreate, database: DatabaseDep, request: Request, response: Response
) -> TemplateOut:
    """Store a text under the next version of its name, unless a version has that very text."""
    now = utc_now()
    with database.write.begin() as session:
        template, added = templates.create(
            session,
            task=body.task,
            modality=body.modality,
            name=body.name,
            text=body.text,
            now=now,
        )
        if added:
            named = f"{template.name}@{template.version}"
            trail.note(session, "create_template", template.id, {"name": named}, now=now)
    if not added:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = request.app.url_path_for("get_template", template_id=template.id)
    return TemplateOut.of(template)


@router.post(
    "/preview",
    dependencies=[VIEWER],
    summary="Show what would be sent with a template",
    responses=problems(404),
)
def preview_template(
    body: Annotated[PreviewSpec, Body(examples=[PREVIEW])],
    database: DatabaseDep,
    store: MediaStoreDep,
) -> PreviewOut:
    """Return the first request of such a job, written as a worker writes it; nothing is sent."""
    with database.read() as session:
        asked = previews.gather(session, body)
    return PreviewOut.of(previews.render(store, asked))


@router.get(
    "/{template_id}",
    dependencies=[VIEWER],
    summary="Show one version of a template",
    responses=problems(404),
)
def get_template(template_id: UUID, database: DatabaseDep) -> TemplateOut:
    """Return a version; it never changes."""
    with database.read() as session:
        return TemplateOut.of(templates.get(session, template_id))


@router.get(
    "/{template_id}/diff",
    dependencies=[VIEWER],
    summary="Show what one version says otherwise than another",
    responses=problems(404),
)
def diff_templates(
    template_id: UUID,
    database: DatabaseDep,
    against: Annotated[
        UUID | None, Query(description="Another version; the one before it unless given")
    ] = None,
) -> DiffOut:
    """Return the text piece by piece: what stayed, what went, what came."""
    with database.read() as session:
        after = templates.get(session, template_id)
        before = (
            templates.before(session, after) if against is None else templates.get(session, against)
        )
    return DiffOut.of(before, after)
