"""What a link opens: its view, without what providers said, and nothing else on any route."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from api import rules
from api.main import CLOSED, PAGES
from core.tables import DashboardLink, Prediction
from tests import rows
from tests.api.parties import Party, Service, fill, save_view, serving
from tests.api.test_hostile_text import BREAKS_OUT, LABELS

SAID = "your image was judged to be against our policy"
CLOSED_ROUTES = [(m, p) for m, p, _ in rules.table(CLOSED)]
PAGE_ROUTES = [(m, p.removeprefix("/v1")) for m, p, _ in rules.table(PAGES)]
HOSTILE = BREAKS_OUT.replace("/", "")
ALL = [{"analysis": each} for each in ("main", "classes", "refusals", "pairwise", "position")]


@dataclass(frozen=True)
class Shown:
    """A service with a view that a link opens."""

    service: Service
    run: UUID
    path: str

    def get(self, end: str = "") -> Any:
        """Ask without any key."""
        return self.service.client.get(self.path + end)


@contextmanager
def showing(template: Path, folder: Path, **body: Any) -> Iterator[Shown]:
    with serving(template, folder) as service:
        service.client.follow_redirects = False
        run = finished(service)
        yield Shown(service, run, save_view(service, HOSTILE, **body)[1])


def finished(service: Service) -> UUID:
    """Store a run over hostile labels, of which a sample was refused in a provider's words."""
    with service.database.write.begin() as session:
        dataset = rows.dataset(session, 6, LABELS, labels=LABELS)
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        made = rows.finished(session, job, [*LABELS, None, *LABELS[:2]])
        said = rows.attempt(session, made, reason=SAID)
        session.execute(
            update(Prediction)
            .where(Prediction.run_id == made.id, Prediction.label.is_(None))
            .values(attempt_id=said.id, request_id=said.request_id)
        )
        return made.id


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        service.client.follow_redirects = False
        yield service


@pytest.fixture(scope="module")
def shared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """For tests that change nothing."""
    with showing(sqlite_template, tmp_path_factory.mktemp("shared"), panels=ALL) as shown:
        yield shown


@pytest.fixture
def own(sqlite_template: Path, tmp_path: Path) -> Iterator[Shown]:
    """For a test that closes it."""
    with showing(sqlite_template, tmp_path) as shown:
        yield shown


def test_a_link_shows_its_view_to_whoever_has_it(shared: Shown) -> None:
    shown = shared.get()

    assert shown.status_code == 200
    assert "Main results" in shown.text
    assert "Refused samples" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert "unsafe" not in shown.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in shown.headers
    figure = shared.get("/1.svg")
    assert (figure.status_code, figure.headers["Content-Type"]) == (200, "image/svg+xml")
    assert figure.headers["Cache-Control"] == "no-store"


def test_a_panel_that_cannot_be_made_says_why_and_leaves_the_others(shared: Shown) -> None:
    selection = {"runs": [str(shared.run)]}
    panels = [{"analysis": "pairwise"}, {"analysis": "main"}]
    path = save_view(shared.service, "one", panels=panels, selection=selection)[1]

    shown = shared.service.client.get(path)

    assert "name two runs of the same dataset version or more" in shown.text
    assert "Main results" in shown.text
    figure = shared.service.client.get(f"{path}/1.svg")
    assert (figure.status_code, "name two runs" in figure.text) == (200, True)


def test_what_a_provider_said_is_for_the_team_alone(shared: Shown) -> None:
    own = shared.service.ask(Party.VIEWER, "GET", "/v1/analyses/refusals")
    assert SAID in own.text

    assert SAID not in shared.get().text


def test_a_link_leads_nowhere_else(shared: Shown) -> None:
    places = re.findall(r'(?:href|src|action|data-\w+)="([^"]*)"', shared.get().text)

    assert {each for each in places if not each.startswith(("/static/", "data:", "#"))} == {
        f"{shared.path}/{number}.svg" for number in range(1, len(ALL) + 1)
    }


def test_markup_in_a_view_is_text(shared: Shown) -> None:
    for shown in (shared.get(), shared.service.ask(Party.MEMBER, "GET", "/dashboards")):
        assert "<script>alert" not in shown.text
        assert "<img src=x" not in shown.text
        assert "&lt;img src=x" in shown.text
    assert "<script" not in shared.get("/2.svg").text


@pytest.mark.parametrize("end", ["/0.svg", "/6.svg", "/x.svg", "/1.png", "/1", "/", "/../../jobs"])
def test_nothing_is_below_a_link_but_its_figures(shared: Shown, end: str) -> None:
    assert shared.get(end).status_code in {303, 404}


@pytest.mark.parametrize("how", ["key", "cookie"])
def test_a_links_token_is_no_key_on_any_route(service: Service, how: str) -> None:
    things, path = fill(service), save_view(service, "shared")[1]
    token = path.rsplit("/", 1)[1]
    sent = {"Origin": "http://testserver"}
    if how == "key":
        sent["Authorization"] = f"Bearer {token}"
    else:
        service.client.cookies.set("gerbench_session", token)

    for method, place in CLOSED_ROUTES:
        answer = service.client.request(method, things.fill(place), headers=sent)
        assert answer.status_code == 401, (method, place)
    for method, place in PAGE_ROUTES:
        known = place.replace("/analyses/{name}", "/analyses/main").replace("{move}", "pause")
        address = things.fill(f"/v1{known}").removeprefix("/v1")
        answer = service.client.request(method, address, headers=sent)
        assert answer.status_code == 303, (method, place)
        assert answer.headers["Location"].startswith("/sign-in"), (method, place)
    assert service.client.get("/metrics", headers=sent).status_code == 401
    assert "Set-Cookie" not in service.client.get(f"/sign-in/{token}").headers
    assert service.client.get(path, headers=sent).status_code == 200


def test_a_link_shows_the_same_whoever_is_signed_in(shared: Shown) -> None:
    alone = shared.get().text

    assert shared.service.ask(Party.STRANGER, "GET", shared.path).text == alone
    assert shared.service.ask(Party.OPERATOR, "GET", shared.path).text == alone


def test_a_link_that_is_over_says_so_and_shows_nothing(own: Shown) -> None:
    with own.service.database.write.begin() as session:
        link = session.scalars(select(DashboardLink)).one()
        link.created_at, link.expires_at = rows.NOW, rows.LATER

    for end in ("", "/1.svg"):
        closed = own.get(end)
        assert closed.status_code == 410
        assert "This link is closed" in closed.text
        assert "Main results" not in closed.text
        assert closed.headers["Cache-Control"] == "no-store"
    unknown = own.get("x")
    assert (unknown.status_code, unknown.headers["Cache-Control"]) == (404, "no-store")


def test_a_link_is_closed_as_soon_as_it_is_revoked(own: Shown) -> None:
    view = "/v1/dashboards/" + quote(HOSTILE)
    assert own.get().status_code == 200
    link = own.service.ask(Party.VIEWER, "GET", f"{view}/links").json()["items"][0]["id"]

    revoked = own.service.ask(Party.MEMBER, "DELETE", f"{view}/links/{link}")

    assert (revoked.status_code, own.get().status_code) == (204, 410)


def test_a_token_is_in_no_log(shared: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr("core.links.open_link", away)
    with capture_logs() as told:
        assert shared.get().status_code == 503

    assert "database_away" in str(told)
    assert shared.path.rsplit("/", 1)[1] not in str(told)
