"""Every page x everybody who may come: pages keep to the same roles and teams as the routes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import rules
from api.main import PAGES
from api.rules import Least
from tests.api.parties import HAS, Party, Service, Things, fill, serving
from tests.api.test_access import LADDER, nowhere

ROUTES = [(method, path.removeprefix("/v1"), least) for method, path, least in rules.table(PAGES)]
NAMES = [f"{method} {path}" for method, path, _ in ROUTES]
OF_ALL = {"/analyses/{name}": "/analyses/classes"}
"""Pages whose address names no one thing of a team."""
FIELDS = {"/jobs": {"submission": "{}", "idempotency_key": "1"}}
"""Fields without which a form is told so before anything else."""


@pytest.fixture(scope="module")
def shared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with nothing in it, for tests that change nothing."""
    with serving(sqlite_template, tmp_path_factory.mktemp("access")) as service:
        service.client.follow_redirects = False
        yield service


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        service.client.follow_redirects = False
        yield service


def open_page(service: Service, party: Party, method: str, path: str) -> Any:
    form = {"data": FIELDS.get(path, {})} if method == "POST" else {}
    return service.ask(party, method, path, **form)


@pytest.mark.parametrize(("method", "path", "least"), ROUTES, ids=NAMES)
@pytest.mark.parametrize("party", Party)
def test_a_page_admits_whom_its_rule_names(
    shared: Service, party: Party, method: str, path: str, least: Least
) -> None:
    response = open_page(shared, party, method, nowhere(path))

    if party not in HAS:
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/sign-in?next=")
    elif LADDER.index(HAS[party]) < LADDER.index(least):
        assert response.status_code == 403
        assert f"takes the role {least.value}" in response.text
    else:
        went_on = response.status_code == 303
        assert not response.headers.get("Location", "").startswith("/sign-in")
        assert went_on or response.status_code in {200, 404, 422}
    assert "text/html" in response.headers.get("Content-Type", "text/html")


def test_every_page_has_a_rule() -> None:
    assert ROUTES
    assert [route for route in ROUTES if route[2] is None] == []


def test_what_is_another_teams_is_on_no_page(service: Service) -> None:
    things: Things = fill(service)
    for method, path, _ in ROUTES:
        of_one = "{" in path and path not in OF_ALL
        own = OF_ALL.get(path, path.replace("{move}", "pause"))
        if of_one:
            own = things.fill(f"/v1{own}").removeprefix("/v1")

        response = open_page(service, Party.STRANGER, method, own)

        assert (response.status_code == 404) == of_one, (own, response.text)
        assert not things.told_by(response.text), own
        if method == "GET":
            mine = open_page(service, Party.ADMIN, method, own)
            assert mine.status_code == 200, (own, mine.text)
