"""Templates: versions are added, found and never changed."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from core import paging
from core.access import team_of
from core.errors import Conflict, NotFound
from core.rules.specs import Name
from core.rules.templates import check, parse_reference
from core.tables import Template
from core.vocabulary import Modality, Task

ORDER = (Template.task, Template.modality, Template.name, Template.version, Template.id)


class Builtin(BaseModel):
    """A template that comes with gerbench: the default of a task and modality, or a paraphrase."""

    task: Task
    modality: Modality
    name: Name
    text: str


def create(
    session: Session,
    *,
    task: Task,
    modality: Modality,
    name: str,
    text: str,
    now: datetime,
    built_in: bool = False,
) -> tuple[Template, bool]:
    """Return the version that has this text, and whether it had to be added.

    A built-in one is everyone's. A team's versions of a name go on from everyone's.
    """
    check(text, modality)
    mine = [Template.task == task, Template.modality == modality, Template.name == name]
    if built_in:
        mine.append(Template.team_id.is_(None))
    same = session.scalar(select(Template).where(*mine, Template.text == text).limit(1))
    if same is not None:
        return same, False
    newest = session.scalar(select(func.max(Template.version)).where(*mine)) or 0
    template = Template(
        team_id=None if built_in else team_of(session),
        task=task,
        modality=modality,
        name=name,
        version=newest + 1,
        text=text,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(template)
    except IntegrityError as error:
        raise Conflict(
            f"somebody else added a version of {name!r} at the same moment; send it again"
        ) from error
    return template, True


def get(session: Session, template_id: UUID) -> Template:
    """Return one version."""
    template = session.get(Template, template_id)
    if template is None:
        raise NotFound(
            f"there is no template {template_id}; GET /v1/templates lists those there are"
        )
    return template


def resolve(session: Session, task: Task, modality: Modality, reference: str) -> Template:
    """Return what `default` (the newest version) or `default@2` stands for.

    Where a later release brings a version that a team has of its own, the team's is meant.
    """
    name, version = parse_reference(reference)
    mine = select(Template).where(Template.task == task, Template.modality == modality)
    newest_first = (Template.version.desc(), Template.team_id.is_(None))
    query = mine.where(Template.name == name).order_by(*newest_first).limit(1)
    template = session.scalar(
        query if version is None else query.where(Template.version == version)
    )
    if template is None:
        listed = session.scalars(mine.order_by(*ORDER))
        there = list(dict.fromkeys(f"{each.name}@{each.version}" for each in listed))
        advice = f"there are {', '.join(there)}" if there else "add one with POST /v1/templates"
        raise NotFound(
            f"there is no template {reference!r} for {task} with {modality}; {advice}",
            available=there,
        )
    return template


def before(session: Session, template: Template) -> Template | None:
    """Return the version before one, as `resolve` has it; None for the first."""
    query = select(Template).where(
        Template.task == template.task,
        Template.modality == template.modality,
        Template.name == template.name,
        Template.version < template.version,
    )
    newest_first = (Template.version.desc(), Template.team_id.is_(None))
    return session.scalar(query.order_by(*newest_first).limit(1))


@dataclass(frozen=True)
class TemplateFilter:
    """Which versions are asked for; None: any."""

    task: Task | None = None
    modality: Modality | None = None
    name: str | None = None
    """A name, or `name@version`."""
    newest: bool = False
    """Only those that a name alone stands for."""


def page(
    session: Session, wanted: TemplateFilter, *, after: paging.Key | None, limit: int
) -> paging.Slice[Template]:
    """Return a page of the versions that are asked for. Raises InvalidInput for no reference."""
    query = select(Template)
    name, version = (None, None) if wanted.name is None else parse_reference(wanted.name)
    for column, value in (
        (Template.task, wanted.task),
        (Template.modality, wanted.modality),
        (Template.name, name),
        (Template.version, version),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.newest:
        query = query.where(_is_newest())
    return paging.fetch(session, query, ORDER, after=after, limit=limit)


def _is_newest() -> ColumnElement[bool]:
    """Return the condition that a bare name stands for a version, as `resolve` has it."""
    other = aliased(Template)
    return ~exists().where(
        other.task == Template.task,
        other.modality == Template.modality,
        other.name == Template.name,
        or_(
            other.version > Template.version,
            and_(
                other.version == Template.version,
                other.team_id.is_not(None),
                Template.team_id.is_(None),
            ),
        ),
    )


def builtin() -> list[Builtin]:
    """Return the templates that come with gerbench."""
    text = files("core.specs").joinpath("templates.json").read_text("utf-8")
    return TypeAdapter(list[Builtin]).validate_json(text)


def install_builtin(session: Session, *, now: datetime) -> None:
    """Add those built-in templates whose text is not stored yet; safe to repeat."""
    for each in builtin():
        # Another process that starts at this moment may be adding the same.
        with suppress(Conflict):
            create(
                session,
                task=each.task,
                modality=each.modality,
                name=each.name,
                text=each.text,
                now=now,
                built_in=True,
            )
