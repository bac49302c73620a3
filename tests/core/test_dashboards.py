"""Saved views and their links, on each kind of database."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from core import dashboards, keys, links, teams
from core.access import Caller, seen_by
from core.db import Database
from core.errors import Conflict, Gone, InvalidInput, NotFound
from core.keys import KeyDraft
from core.rules.dashboards import DashboardSpec
from core.tables import Dashboard, DashboardLink, Run
from core.vocabulary import Role
from tests import rows

NOW = rows.NOW
MOMENT = timedelta(seconds=1)


def spec(name: str = "Table 9", **more: Any) -> DashboardSpec:
    body = {"name": name, "panels": [{"analysis": "main"}], **more}
    return DashboardSpec.model_validate(body)


def member(database: Database, team: str | None = None) -> Caller:
    with database.write.begin() as session:
        if team is not None:
            teams.create(session, team)
        draft = KeyDraft("ada", Role.MEMBER, team=team)
        return Caller.of(keys.create(session, draft, now=NOW)[0])


@pytest.fixture
def ada(database: Database) -> Caller:
    return member(database)


@pytest.fixture
def ours(database: Database, ada: Caller) -> Database:
    return seen_by(database, ada)


@pytest.fixture
def view(ours: Database) -> UUID:
    with ours.write.begin() as session:
        return dashboards.create(session, spec(), now=NOW).id


def link(database: Database, view: UUID, lasts: timedelta | None = None) -> tuple[UUID, str]:
    with database.write.begin() as session:
        found = dashboards.get(session, str(view))
        ends = None if lasts is None else NOW + lasts
        made, token = links.create(session, found, expires_at=ends, now=NOW)
        return made.id, token


def opened(database: Database, token: str, at: Any = NOW) -> str:
    with database.read() as session:
        return links.open_link(session, token, now=at).dashboard.name


def test_a_view_is_found_by_its_id_and_by_its_name(ours: Database, view: UUID) -> None:
    with ours.read() as session:
        assert dashboards.get(session, str(view)).id == view
        found = dashboards.get(session, "Table 9")

    assert (found.id, found.created_by, dashboards.spec_of(found)) == (view, "ada", spec())


def test_a_name_is_used_once_in_a_team(database: Database, ours: Database, view: UUID) -> None:
    with pytest.raises(Conflict, match="Table 9"), ours.write.begin() as session:
        dashboards.create(session, spec(), now=NOW)
    theirs = seen_by(database, member(database, "others"))
    with theirs.write.begin() as session:
        dashboards.create(session, spec(), now=NOW)
    with theirs.read() as session:
        assert len(dashboards.page(session, after=None, limit=9).rows) == 1


def test_a_change_sets_what_it_names_and_counts(ours: Database, view: UUID) -> None:
    with ours.write.begin() as session:
        found = dashboards.get(session, str(view), for_update=True)
        dashboards.change(session, found, {"name": "Table 10"}, now=rows.LATER)
        dashboards.change(session, found, {"name": "Table 10"}, now=rows.LATER)

    with ours.read() as session:
        found = dashboards.get(session, "Table 10")
        assert (found.id, found.version, found.changed_at) == (view, 2, rows.LATER)
        assert dashboards.spec_of(found).panels == spec().panels


def test_a_change_to_a_name_in_use_changes_nothing(ours: Database, view: UUID) -> None:
    with ours.write.begin() as session:
        dashboards.create(session, spec("other"), now=NOW)

    with ours.write.begin() as session:
        found = dashboards.get(session, "other", for_update=True)
        with pytest.raises(Conflict):
            dashboards.change(session, found, {"name": "Table 9"}, now=NOW)
        session.rollback()

    with ours.read() as session:
        assert dashboards.get(session, "other").version == 1


def test_views_are_listed_by_name_page_by_page(ours: Database) -> None:
    with ours.write.begin() as session:
        for name in "cab":
            dashboards.create(session, spec(name), now=NOW)

    with ours.read() as session:
        first = dashboards.page(session, after=None, limit=2)
        second = dashboards.page(session, after=first.next_key, limit=2)

    assert [each.name for each in (*first.rows, *second.rows)] == ["a", "b", "c"]
    assert second.next_key is None


def test_runs_that_are_another_teams_are_in_no_view(database: Database) -> None:
    with database.write.begin() as session:
        run: Run = rows.add_run(session, rows.model(session))
    theirs = seen_by(database, member(database, "others"))

    for runs in ([run.id], [uuid4()]):
        with pytest.raises(NotFound, match="no run"), theirs.write.begin() as session:
            dashboards.create(session, spec(selection={"runs": runs}), now=NOW)
    with pytest.raises(NotFound, match="no job"), theirs.write.begin() as session:
        dashboards.create(session, spec(selection={"job": run.job_id}), now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a/b"},
        {"name": ".."},
        {"name": "two\nlines"},
        {"name": str(uuid4())},
        {"panels": []},
        {"panels": [{"analysis": "cases"}]},
        {"panels": [{"analysis": "main", "by": "task"}]},
        {"panels": [{"analysis": "main", "figure": False, "tables": []}]},
    ],
)
def test_what_no_view_can_be_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(**{"name": "x", **body})


def test_a_link_opens_its_view_until_it_expires(
    database: Database, ours: Database, view: UUID
) -> None:
    _, token = link(ours, view, timedelta(days=1))

    assert opened(database, token, NOW + timedelta(days=1) - MOMENT) == "Table 9"
    with pytest.raises(Gone):
        opened(database, token, NOW + timedelta(days=1))


def test_a_link_that_was_revoked_opens_nothing(
    database: Database, ours: Database, view: UUID
) -> None:
    (revoked, token), (_, other) = link(ours, view), link(ours, view)

    with ours.write.begin() as session:
        links.revoke(session, dashboards.get(session, str(view)), revoked, now=NOW)

    with pytest.raises(Gone):
        opened(database, token)
    assert opened(database, other) == "Table 9"


def test_a_link_ends_with_the_key_that_made_it(
    database: Database, ours: Database, ada: Caller, view: UUID
) -> None:
    _, token = link(ours, view)

    with database.write.begin() as session:
        keys.revoke(session, ada.key_id, now=NOW)

    with pytest.raises(Gone):
        opened(database, token)


def test_a_link_goes_with_its_view(database: Database, ours: Database, view: UUID) -> None:
    _, token = link(ours, view)

    with ours.write.begin() as session:
        dashboards.delete(session, dashboards.get(session, "Table 9", for_update=True))

    with pytest.raises(NotFound):
        opened(database, token)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DashboardLink)) == 0


@pytest.mark.parametrize("lasts", [timedelta(0), -MOMENT, links.MOST + MOMENT])
def test_a_link_ends_in_the_future_and_within_a_year(
    ours: Database, view: UUID, lasts: timedelta
) -> None:
    with pytest.raises(InvalidInput, match="expires_at"):
        link(ours, view, lasts)


def test_no_token_is_stored_and_a_key_is_no_link(
    database: Database, ours: Database, view: UUID
) -> None:
    _, token = link(ours, view)

    with database.read() as session:
        (row,) = session.scalars(select(DashboardLink))
        assert token not in map(str, vars(row).values())
        assert row.hash == keys.digest(token)
    for other in (row.hash, str(row.id), "", token[:-1]):
        with pytest.raises(NotFound):
            opened(database, other)


def test_a_link_of_another_view_is_not_revoked_by_way_of_this_one(
    database: Database, ours: Database, view: UUID
) -> None:
    own, token = link(ours, view)
    with ours.write.begin() as session:
        other = dashboards.create(session, spec("other"), now=NOW)
        with pytest.raises(NotFound):
            links.revoke(session, other, own, now=NOW)

    assert opened(database, token) == "Table 9"


def test_only_the_team_sees_its_views(database: Database, view: UUID) -> None:
    theirs = seen_by(database, member(database, "others"))

    with theirs.read() as session:
        assert session.scalars(select(Dashboard)).all() == []
        with pytest.raises(NotFound):
            dashboards.get(session, str(view))
