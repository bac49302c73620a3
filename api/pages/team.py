"""The pages of a team: what it may spend and has, its keys, and who did what."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response
from pydantic import ValidationError

from api.deps import KeyringDep, PageDep, PageRequest
from api.pages.forms import told
from api.pages.shell import PageRoute, Visitor, VisitorDep, never_stored, see_other, shown_to
from api.routes import audit, keys, teams
from api.rules import ADMIN, VIEWER
from api.schemas.access import KeyCreate
from api.schemas.budgets import TeamChange
from core.db import utc_now
from core.errors import DomainError, InvalidInput
from core.vocabulary import Role

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Field = Annotated[str, Form(max_length=64)]
Word = Annotated[str | None, Query(max_length=64)]

LASTS = (("7", "a week"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "for good"))
"""How long a new key may be good: in days, and in words."""


@router.get("/team", dependencies=[VIEWER])
def show_team(who: VisitorDep, part: PageDep) -> Response:
    """Show what the team may spend in a month, has spent, and on which models."""
    found, month = teams.list_spend(who.database, part), f"{utc_now():%Y-%m}"
    team = teams.get_team(who.database, who.caller)
    return shown_to(
        who,
        "team.html",
        team=team,
        this_month=month,
        now_spent=next((each for each in team.months if each.month == month), None),
        spend=found.items,
        next_cursor=found.next_cursor,
    )


@router.post("/team/budget", dependencies=[ADMIN])
def set_budget(who: VisitorDep, usd: Field = "", requests: Field = "") -> Response:
    """Set the team's monthly budget; a field left empty is no bound."""
    try:
        body = TeamChange.model_validate(
            {"monthly_budget_usd": usd or None, "monthly_budget_requests": requests or None}
        )
    except ValidationError as error:
        raise InvalidInput(told(error)) from error
    teams.change_team(body, who.database, who.caller)
    return see_other("/team")


@router.get("/keys", dependencies=[ADMIN])
def show_keys(who: VisitorDep, part: PageDep) -> Response:
    """Show the team's keys, the latest first."""
    return _keys(who, part)


@router.post("/keys", dependencies=[ADMIN])
def make_key(
    who: VisitorDep, name: Field = "", role: Field = Role.MEMBER.value, days: Field = ""
) -> Response:
    """Make a key and show it, this once."""
    made, fault = None, None
    try:
        body = KeyCreate.model_validate({"name": name, "role": role, "expires_at": _later(days)})
        made = keys.create_key(body, who.database)
    except (ValidationError, DomainError) as error:
        fault = told(error)
    kept = "" if made else name
    return never_stored(_keys(who, PageRequest(), made=made, fault=fault, name=kept))


@router.post("/keys/{key_id}/revoke", dependencies=[ADMIN])
def revoke_key(who: VisitorDep, keyring: KeyringDep, key_id: UUID) -> Response:
    """Let a key open nothing any more."""
    keys.revoke_key(key_id, who.database, keyring)
    return see_other("/keys")


@router.get("/audit", dependencies=[ADMIN])
def show_audit(
    who: VisitorDep,
    part: PageDep,
    key_name: Word = None,
    action: Word = None,
    obj: Annotated[str | None, Query(alias="object", max_length=255)] = None,
) -> Response:
    """Show who did what in the team, the latest first."""
    found = audit.list_audit(who.database, part, key_name, action, obj)
    return shown_to(
        who,
        "audit.html",
        entries=found.items,
        next_cursor=found.next_cursor,
        wanted={"key_name": key_name, "action": action, "object": obj},
    )


def _keys(who: Visitor, part: PageRequest, **made: Any) -> Response:
    """Return the page of keys, with what became of a form if there was one."""
    found = keys.list_keys(who.database, part)
    told_of = {"made": None, "fault": None, "name": "", **made}
    return shown_to(
        who,
        "keys.html",
        keys=found.items,
        next_cursor=found.next_cursor,
        roles=list(Role),
        lasts=LASTS,
        **told_of,
    )


def _later(days: str) -> str | None:
    """Return the moment in so many days, as the API takes it; None for a key that lasts."""
    if not days:
        return None
    if days not in dict(LASTS):
        raise InvalidInput("choose one of the spans that the form offers")
    return (utc_now() + timedelta(days=int(days))).isoformat()
