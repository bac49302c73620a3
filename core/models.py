"""Models: named endpoints, made, changed and taken out of use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import paging
from core.access import team_of
from core.errors import Conflict, InvalidInput, NotFound
from core.rules.shares import part
from core.rules.specs import ModelSpec
from core.rules.states import ENDED, Status
from core.tables import Model, Run, Team


class DeclaredModel(ModelSpec):
    """A model as it is stored: what was declared, and by whom as far as calls depend on it."""

    trusted: bool = False
    """Whether it is called wherever its address is."""
    sealed: dict[str, str] = Field(default_factory=dict, repr=False)
    """The secrets that are kept for it, encrypted, by their fingerprints."""

    @classmethod
    def of(cls, model: Model) -> "DeclaredModel":
        """Return a model as it is declared now."""
        return cls.model_validate({**model.spec, "trusted": model.trusted, "sealed": model.sealed})


def create(
    session: Session,
    spec: ModelSpec,
    *,
    sealed: Mapping[str, str] | None = None,
    trusted: bool = False,
    now: datetime,
) -> Model:
    """Store a model under a name that no model in use has; `sealed` are the secrets to keep."""
    model = Model(
        team_id=team_of(session),
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        sealed=_kept(spec, sealed or {}),
        trusted=trusted,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(model)
    except IntegrityError as error:
        raise Conflict(
            f"there is a model {spec.name!r} already; choose another name, or change it with"
            f" PATCH /v1/models/{spec.name}"
        ) from error
    return model


def get(session: Session, name: str, *, for_update: bool = False) -> Model:
    """Return the model in use under a name."""
    query = select(Model).where(Model.name == name, Model.deleted_at.is_(None))
    model = session.scalar(query.with_for_update() if for_update else query)
    if model is None:
        raise NotFound(f"there is no model {name!r}; GET /v1/models lists those there are")
    return model


def declared(session: Session, model_id: UUID) -> DeclaredModel:
    """Return a model as it may be called now, in use or not; see `allowed`."""
    return allowed(session, session.get_one(Model, model_id))


def allowed(session: Session, model: Model) -> DeclaredModel:
    """Return a model as it is declared, its limits cut to the share that its team has of them."""
    spec = DeclaredModel.of(model)
    share = session.get_one(Team, model.team_id).rate_share
    return spec.model_copy(update={"limits": part(spec.limits, share)})


def running(session: Session, model_id: UUID) -> Sequence[UUID]:
    """Return the ids of a model's running runs."""
    return session.scalars(
        select(Run.id).where(Run.model_id == model_id, Run.status == Status.RUNNING)
    ).all()


def page(session: Session, *, after: paging.Key | None, limit: int) -> paging.Slice[Model]:
    """Return a page of the models in use, by name."""
    query = select(Model).where(Model.deleted_at.is_(None))
    return paging.fetch(session, query, [Model.name], after=after, limit=limit)


def change(
    session: Session,
    name: str,
    changes: Mapping[str, Any],
    *,
    sealed: Mapping[str, str] | None = None,
    trusted: bool | None = None,
) -> Model:
    """Set the given fields, those within objects one by one, and leave the others as they are.

    `sealed` are secrets to keep that are new. Those that are kept already never go to another
    address: they were given for this one. `trusted` tells of a new address.
    """
    model = get(session, name, for_update=True)
    try:
        changed = ModelSpec.model_validate(_changed(model.spec, changes))
    except ValidationError as error:
        faults = [
            {"pointer": "/body/" + "/".join(map(str, fault["loc"])), "detail": fault["msg"]}
            for fault in error.errors()
        ]
        reasons = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in faults)
        raise InvalidInput(
            f"the changed model would not be valid: {reasons}", errors=faults
        ) from error
    moved = str(changed.base_url) != model.spec["base_url"]
    model.sealed = _kept(changed, {**({} if moved else model.sealed), **(sealed or {})})
    if trusted is not None:
        model.trusted = trusted
    model.spec = changed.model_dump(mode="json")
    return model


def delete(session: Session, name: str, *, now: datetime) -> None:
    """Take a model out of use; its name is free again and its runs keep it."""
    model = get(session, name, for_update=True)
    jobs = session.scalars(
        select(Run.job_id)
        .where(Run.model_id == model.id, Run.status.not_in(ENDED))
        .distinct()
        .order_by(Run.job_id)
    ).all()
    if jobs:
        ids = [str(job) for job in jobs]
        raise Conflict(
            f"model {name!r} is at work for {', '.join(ids)}; cancel these jobs or let them end",
            jobs=ids,
        )
    model.deleted_at, model.sealed = now, {}


def _kept(spec: ModelSpec, sealed: Mapping[str, str]) -> dict[str, str]:
    """Return the sealed secrets that a model names. Raises InvalidInput if one is not there."""
    named = [ref.stored for ref in spec.credentials if ref.stored is not None]
    if missing := [each for each in named if each not in sealed]:
        raise InvalidInput(
            f"no secret {missing[0]} is kept for this model at this address: send it again, as"
            ' {"secret": "…"} in credentials'
        )
    return {each: sealed[each] for each in named}


OPEN = ("query", "headers")
"""Objects whose members have no default to fall back to: null takes one out."""


def _changed(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declaration with some fields set."""
    merged = _merge(old, changes)
    for name in OPEN:
        if isinstance(members := merged.get(name), Mapping):
            merged[name] = {key: value for key, value in members.items() if value is not None}
    return merged


def _merge(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for field, value in changes.items():
        before = merged.get(field)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[field] = _merge(before, value)
        else:
            merged[field] = value
    return merged
