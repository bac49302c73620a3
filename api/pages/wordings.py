"""The pages of templates: their versions, what these say otherwise, and what would be sent."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response
from pydantic import ValidationError

from api.deps import MediaStoreDep, PageDep, PageRequest
from api.pages.forms import told
from api.pages.shell import PageRoute, Visitor, VisitorDep, see_other, shown_to
from api.routes import datasets, models
from api.routes import templates as rest
from api.rules import MEMBER, VIEWER
from api.schemas.templates import ModalityQuery, TemplateCreate, TemplateOut
from core.errors import DomainError
from core.rules.submissions import PreviewSpec
from core.vocabulary import Modality, Task

router = APIRouter(prefix="/templates", include_in_schema=False, route_class=PageRoute)

CHOICES = 500
"""Datasets, models and versions that are offered."""
Word = Annotated[str, Form(max_length=200)]
Chosen = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Draft:
    """A text that somebody is at work on; and what it is to be tried with."""

    name: Word = ""
    task: Word = Task.FACIAL_EMOTION.value
    modality: Word = Modality.IMAGE.value
    text: Annotated[str, Form(max_length=50_000, pattern="^[^\0]*$")] = ""
    dataset: Word = ""
    model: Word = ""
    count: Word = ""


DraftDep = Annotated[Draft, Depends()]


@router.get("", dependencies=[VIEWER])
def show_templates(
    who: VisitorDep,
    part: PageDep,
    task: Task | None = None,
    modality: ModalityQuery | None = None,
    name: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """Show what each name stands for, in each task and modality."""
    found = rest.list_templates(
        who.database, part, task=task, modality=modality, name=name, newest=True
    )
    return shown_to(
        who,
        "templates.html",
        templates=found.items,
        next_cursor=found.next_cursor,
        wanted={"task": task, "modality": modality, "name": name},
        **KINDS,
    )


@router.get("/new", dependencies=[VIEWER])
def new_template(who: VisitorDep, like: UUID | None = None) -> Response:
    """Show the form; `like` is a version whose text it begins with."""
    if like is None:
        return _form(who, Draft())
    old = rest.get_template(like, who.database)
    return _form(who, Draft(old.name, old.task.value, old.modality.value, old.text))


@router.post("/preview", dependencies=[VIEWER])
def try_draft(who: VisitorDep, store: MediaStoreDep, draft: DraftDep) -> Response:
    """Show what would be sent with a text that is not stored; nothing is sent."""
    body = {"text": draft.text.replace("\r\n", "\n"), "modality": draft.modality}
    return _form(who, draft, **_preview(who, store, _tried(asdict(draft)) | body))


@router.post("", dependencies=[MEMBER])
def add_template(who: VisitorDep, draft: DraftDep) -> Response:
    """Store a text under the next version of its name."""
    try:
        body = TemplateCreate(
            name=draft.name,
            task=Task(draft.task),
            modality=Modality(draft.modality),
            # Browsers send a line end as two characters, whatever was typed.
            text=draft.text.replace("\r\n", "\n"),
        )
        made = rest.create_template(body, who.database, who.request, Response())
    except (DomainError, ValueError) as error:
        return _form(who, draft, fault=told(error))
    return see_other(f"/templates/{made.id}")


@router.get("/{template_id}", dependencies=[VIEWER])
def show_template(
    who: VisitorDep,
    store: MediaStoreDep,
    template_id: UUID,
    against: UUID | None = None,
    dataset: Chosen = "",
    model: Chosen = "",
    count: Chosen = "",
) -> Response:
    """Show a version: what it says otherwise than another, and what would be sent with it."""
    found = rest.get_template(template_id, who.database)
    tried = {"dataset": dataset, "model": model, "count": count}
    asked: dict[str, Any] = {"preview": None, "fault": None}
    if dataset:
        named = {"template": f"{found.name}@{found.version}", "modality": found.modality}
        asked = _preview(who, store, _tried(tried) | named)
    return shown_to(
        who,
        "template.html",
        version=found,
        versions=_versions(who, found),
        diff=None if against is None else rest.diff_templates(template_id, who.database, against),
        given=tried,
        **asked,
        **_choices(who),
    )


KINDS = {"tasks": list(Task), "modalities": list(Modality)}


def _versions(who: Visitor, found: TemplateOut) -> list[TemplateOut]:
    """Return the versions of the same name, task and modality, the latest first."""
    listed = rest.list_templates(
        who.database,
        PageRequest(limit=CHOICES),
        task=found.task,
        modality=found.modality,
        name=found.name,
    )
    return listed.items[::-1]


def _tried(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a preview that were filled in."""
    return {name: fields[name] for name in ("dataset", "model", "count") if fields[name]}


def _preview(who: Visitor, store: MediaStoreDep, body: dict[str, Any]) -> dict[str, Any]:
    """Return the first request of such a job, or why there is none."""
    try:
        spec = PreviewSpec.model_validate(body)
        preview = rest.preview_template(spec, who.database, store)
    except (ValidationError, DomainError) as error:
        return {"preview": None, "fault": told(error)}
    return {"preview": preview, "fault": None, "body": spec.model_dump_json(exclude_none=True)}


def _form(who: Visitor, draft: Draft, **asked: Any) -> Response:
    """Return the page of a text to be."""
    shown = {"preview": None, "fault": None, **asked}
    return shown_to(who, "new_template.html", given=draft, **shown, **KINDS, **_choices(who))


def _choices(who: Visitor) -> dict[str, Any]:
    """Return what a text can be tried with: datasets with samples of their own, models."""
    every = datasets.list_datasets(who.database, PageRequest(limit=CHOICES)).items
    named = models.list_models(who.database, PageRequest(limit=CHOICES)).items
    return {"datasets": every, "models": named}
