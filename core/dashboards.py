"""Saved views: made, found, changed and removed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import paging
from core.access import caller_of, team_of
from core.analyses.selection import Selection
from core.errors import Conflict, NotFound
from core.rules.dashboards import DashboardSpec, RunSelection
from core.tables import Dashboard, Job, Run


def create(session: Session, spec: DashboardSpec, *, now: datetime) -> Dashboard:
    """Save a view under a name that no other of the team has. Raises Conflict, NotFound."""
    _require(session, spec.selection)
    caller = caller_of(session)
    made = Dashboard(
        team_id=team_of(session),
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        created_by="" if caller is None else caller.key_name,
        created_at=now,
        changed_at=now,
    )
    _store(session, made, spec.name)
    return made


def get(session: Session, reference: str, *, for_update: bool = False) -> Dashboard:
    """Return the view of an id or a name."""
    try:
        which = Dashboard.id == UUID(reference)
    except ValueError:
        which = Dashboard.name == reference
    query = select(Dashboard).where(which)
    found = session.scalar(query.with_for_update() if for_update else query)
    if found is None:
        raise NotFound(
            f"there is no saved view {reference!r}; GET /v1/dashboards lists those there are"
        )
    return found


def page(session: Session, *, after: paging.Key | None, limit: int) -> paging.Slice[Dashboard]:
    """Return a page of the team's views, by name."""
    return paging.fetch(session, select(Dashboard), [Dashboard.name], after=after, limit=limit)


def change(
    session: Session, found: Dashboard, changes: Mapping[str, Any], *, now: datetime
) -> None:
    """Set the given fields of a view, each one whole, and leave the others as they are.

    To set what they are changes nothing. Raises Conflict for a name in use, NotFound for runs that
    are not there.
    """
    spec = DashboardSpec.model_validate({**found.spec, **changes})
    if spec == spec_of(found):
        return
    _require(session, spec.selection)
    found.name, found.spec = spec.name, spec.model_dump(mode="json")
    found.version, found.changed_at = found.version + 1, now
    _store(session, found, spec.name)


def delete(session: Session, found: Dashboard) -> None:
    """Remove a view, and all links to it; the runs stay."""
    session.delete(found)
    session.flush()


def spec_of(dashboard: Dashboard) -> DashboardSpec:
    """Return a view as it was declared."""
    return DashboardSpec.model_validate(dashboard.spec)


def selected(runs: RunSelection) -> Selection:
    """Return a view's selection as analyses take it."""
    return Selection(runs.runs, runs.job, runs.dataset, runs.model, runs.task)


def _require(session: Session, selection: RunSelection) -> None:
    """Raise NotFound unless the runs and the job that are named are there for the caller."""
    if selection.job is not None and session.get(Job, selection.job) is None:
        raise NotFound(f"there is no job {selection.job}; GET /v1/jobs lists those there are")
    found = set(session.scalars(select(Run.id).where(Run.id.in_(selection.runs))))
    if missing := set(selection.runs) - found:
        raise NotFound(f"no run {min(missing)}; GET /v1/runs lists them")


def _store(session: Session, dashboard: Dashboard, name: str) -> None:
    """Write a view. Raises Conflict where another has its name."""
    try:
        with session.begin_nested():
            session.add(dashboard)
    except IntegrityError as error:
        raise Conflict(
            f"there is a saved view {name!r} already; choose another name, or change that one with"
            " PATCH /v1/dashboards/{id}"
        ) from error
