"""Models over REST."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response, status
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.deps import (
    BoundsDep,
    CallerDep,
    DatabaseDep,
    PageDep,
    PageRequest,
    ProviderClientsDep,
    VaultDep,
)
from api.rules import ADMIN, MEMBER, VIEWER
from api.schemas.base import Page
from api.schemas.models import (
    EXAMPLE,
    PRESET_EXAMPLE,
    CheckOut,
    ModelChange,
    ModelCreate,
    ModelOut,
    Presets,
)
from api.schemas.problem import problems
from api.schemas.standings import ModelDetail
from core import canary, models, presets, spent, trail, workers
from core.admission import admit_address, admit_credentials
from core.db import Database, utc_now
from core.models import DeclaredModel
from core.rules.budgets import month_of
from core.rules.specs import ModelSpec
from core.rules.standings import ModelStanding
from core.tables import Model

router = APIRouter(prefix="/models", tags=["models"])

LEAD_SECRETS = {"base_url", "credentials"}
"""Fields that say which secrets go where."""


@router.get("", dependencies=[VIEWER], summary="List the models in use")
def list_models(database: DatabaseDep, page: PageDep) -> Page[ModelOut]:
    """Return the models by name."""
    with database.read() as session:
        found = models.page(session, after=page.after, limit=page.limit)
    return Page.of(found, ModelOut.of)


@router.post(
    "",
    dependencies=[MEMBER],
    status_code=status.HTTP_201_CREATED,
    summary="Name an endpoint",
    responses=problems(409),
)
def create_model(
    body: Annotated[ModelCreate, Body(examples=[EXAMPLE, PRESET_EXAMPLE])],
    database: DatabaseDep,
    caller: CallerDep,
    bounds: BoundsDep,
    vault: VaultDep,
    request: Request,
    response: Response,
) -> ModelDetail:
    """Store an endpoint and how it may be used; secrets stay where `credentials` says they are."""
    now, (spec, sealed) = utc_now(), body.spec(vault)
    admit_credentials(bounds, caller, spec.credentials)
    trusted = admit_address(bounds, caller, spec.base_url)
    with database.write.begin() as session:
        model = models.create(session, spec, sealed=sealed, trusted=trusted, now=now)
        trail.note(session, "create_model", model.name, {"base_url": str(body.base_url)}, now=now)
        made = _shown(session, model)
    response.headers["Location"] = request.app.url_path_for("get_model", name=model.name)
    return made


@router.get("/presets", dependencies=[VIEWER], summary="List what is known of providers")
def list_presets() -> Presets:
    """Return the presets that a new model may name, with the parameters they need."""
    return Presets(items=list(presets.presets().values()))


@router.get("/{name}", dependencies=[VIEWER], summary="Show a model", responses=problems(404))
def get_model(name: str, database: DatabaseDep) -> ModelDetail:
    """Return the model in use under a name, with what its provider showed of its limits."""
    with database.read() as session:
        return _shown(session, models.get(session, name))


@router.patch("/{name}", dependencies=[MEMBER], summary="Change a model", responses=problems(404))
def change_model(
    name: str,
    body: ModelChange,
    database: DatabaseDep,
    caller: CallerDep,
    bounds: BoundsDep,
    vault: VaultDep,
) -> ModelDetail:
    """Set the fields that are sent; requests that are sent from now on go by them."""
    given, sealed = body.given(vault)
    trusted = None if body.base_url is None else admit_address(bounds, caller, body.base_url)
    with database.write.begin() as session:
        model = models.change(session, name, given, sealed=sealed, trusted=trusted)
        if not given.keys().isdisjoint(LEAD_SECRETS):
            admit_credentials(bounds, caller, ModelSpec.model_validate(model.spec).credentials)
        trail.note(session, "change_model", name, {"fields": sorted(given)}, now=utc_now())
        return _shown(session, model)


@router.delete(
    "/{name}",
    dependencies=[ADMIN],
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take a model out of use",
    responses=problems(404, 409),
)
def delete_model(name: str, database: DatabaseDep) -> None:
    """Free the name; what the model's runs found stays."""
    now = utc_now()
    with database.write.begin() as session:
        models.delete(session, name, now=now)
        trail.note(session, "delete_model", name, now=now)


@router.post(
    "/{name}/check", dependencies=[MEMBER], summary="Call a model once", responses=problems(404)
)
async def check_model(
    name: str, database: DatabaseDep, clients: ProviderClientsDep, vault: VaultDep
) -> CheckOut:
    """Make one small call with each credential and tell what came back; it may be billed."""
    model = await run_in_threadpool(_declared, database, name)
    client = clients.of(str(model.base_url), trusted=model.trusted)
    return CheckOut.of(name, await canary.check(client, vault, model, now=utc_now()))


def list_details(database: Database, page: PageRequest) -> Page[ModelDetail]:
    """Return models by name, each as it is shown alone; for pages."""
    with database.read() as session:
        found = models.page(session, after=page.after, limit=page.limit)
        details = {detail.name: detail for detail in _all_shown(session, found.rows)}
    return Page.of(found, lambda model: details[model.name])


def _declared(database: Database, name: str) -> DeclaredModel:
    """Return the model in use under a name, as it is declared."""
    with database.read() as session:
        return DeclaredModel.of(models.get(session, name))


def _shown(session: Session, model: Model) -> ModelDetail:
    """Return a model with what its provider showed of its limits, and what it cost."""
    session.flush()
    return _all_shown(session, [model])[0]


def _all_shown(session: Session, found: Sequence[Model]) -> list[ModelDetail]:
    """Return models as each is shown alone."""
    now, ids = utc_now(), [model.id for model in found]
    standings = workers.standings(session, ids)
    spending = spent.of_models(session, ids, month=month_of(now))
    return [
        ModelDetail.show(
            model, standings.get(model.id, ModelStanding()), spending[model.id], now=now
        )
        for model in found
    ]
