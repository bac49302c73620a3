"""The page of cases: single predictions as a grid, one of them with its raw answer beside it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.deps import PageDep, PageRequest
from api.pages.shell import PageRoute, Visitor, VisitorDep, shown_to
from api.routes import analyses, attempts
from api.rules import VIEWER
from api.schemas.analyses import CaseOut, CaseQuery, SelectionQuery, TableQuery
from api.schemas.attempts import AttemptDetail
from api.schemas.base import Page

router = APIRouter(include_in_schema=False, route_class=PageRoute)

ON_A_PAGE = 60
OTHERS = 50
"""Runs whose answers stand beside the one that is looked at."""
OWN = ("chosen", "of", "cursor")
"""What the address of the page has that the filters of the API have not."""


@router.get("/cases", dependencies=[VIEWER])
def show_cases(
    who: VisitorDep,
    part: PageDep,
    selection: Annotated[SelectionQuery, Depends()],
    wanted: Annotated[CaseQuery, Depends()],
    chosen: Annotated[int | None, Query(description="A sample that is looked at")] = None,
    of: Annotated[str | None, Query(max_length=36, description="Its run")] = None,
) -> Response:
    """Show predictions that match; the fields of the address are those of the API."""
    part.limit = min(part.limit, ON_A_PAGE)
    found = _cases(who, part, selection, wanted)
    one = next(
        (c for c in found.items if c.sample_id == chosen and of in {None, str(c.run_id)}), None
    )
    given = who.request.query_params
    names = dict.fromkeys(name for name in given if name not in OWN)
    fields = {name: given.getlist(name) for name in names}
    return shown_to(
        who,
        "cases.html",
        cases=found.items,
        next_cursor=found.next_cursor,
        fields=fields,
        cursor=given.get("cursor"),
        one=one,
        others=[] if one is None else _others(who, one),
        raw=None if one is None else _raw(who, one),
        flags=_flags(fields),
    )


def _cases(
    who: Visitor, part: PageRequest, selection: SelectionQuery, wanted: CaseQuery
) -> Page[CaseOut]:
    found: Page[CaseOut] = analyses.list_cases(who.database, part, selection, wanted, TableQuery())
    return found


def _others(who: Visitor, one: CaseOut) -> list[CaseOut]:
    """Return what all completed runs say of a sample."""
    asked = SelectionQuery(dataset=one.dataset), CaseQuery(sample=one.sample_id)
    return _cases(who, PageRequest(limit=OTHERS), *asked).items


def _raw(who: Visitor, one: CaseOut) -> AttemptDetail | None:
    """Return the exchange that a prediction was read from."""
    return None if one.attempt_id is None else attempts.get_attempt(one.attempt_id, who.database)


def _flags(fields: Mapping[str, list[str]]) -> list[tuple[str, dict[str, Any], bool]]:
    """Return the filters that are one click away: a word, the fields, whether it holds now."""
    kept = {name: value for name, value in fields.items() if name not in {"right", "outcome"}}
    ways: tuple[tuple[str, dict[str, Any]], ...] = (
        ("all", {}),
        ("right", {"right": ["true"]}),
        ("wrong", {"right": ["false"]}),
        ("refused", {"outcome": ["refused"]}),
        ("unparsed", {"outcome": ["unparsed"]}),
        ("failed", {"outcome": ["failed"]}),
    )
    now = {name: value for name, value in fields.items() if name in {"right", "outcome"}}
    return [(word, {**kept, **way}, way == now) for word, way in ways]
