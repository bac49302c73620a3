"""What a browser may do with answers, and what other sites may make it do."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import rules
from api.main import CLOSED, PAGES
from core import sign_ins
from core.db import utc_now
from core.keys import digest, find
from tests import rows
from tests.api.parties import Party, Service, serving
from tests.api.test_access import nowhere
from tests.api.test_hostile_text import BREAKS_OUT, LABELS, SCRIPT

CHANGING = [
    (method, path)
    for method, path, _ in [
        *rules.table(CLOSED),
        *((m, p.removeprefix("/v1"), least) for m, p, least in rules.table(PAGES)),
    ]
    if method != "GET"
]
OF_OTHERS: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {},
)


@pytest.fixture(scope="module")
def service(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path_factory.mktemp("shields")) as service:
        service.client.follow_redirects = False
        yield service


@pytest.fixture(scope="module")
def cookie(service: Service) -> dict[str, str]:
    """The cookie of a browser that an operator is signed in with."""
    now = utc_now()
    with service.database.write.begin() as session:
        key = find(session, digest(str(service.secrets[Party.OPERATOR])), now=now)
        token = sign_ins.begin(session, key, now=now)
    return {"Cookie": f"gerbench_session={token}"}


@pytest.fixture(scope="module")
def run(service: Service) -> str:
    """A run whose labels and answers hold markup."""
    with service.database.write.begin() as session:
        dataset = rows.dataset(session, 6, LABELS, labels=LABELS)
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        made = rows.finished(session, job, [BREAKS_OUT, SCRIPT, SCRIPT, None, BREAKS_OUT, SCRIPT])
        return str(made.id)


def test_no_other_site_changes_anything_by_a_browser_that_is_signed_in(
    service: Service, cookie: dict[str, str]
) -> None:
    assert len(CHANGING) > 20
    for method, path in CHANGING:
        for headers in OF_OTHERS:
            answer = service.client.request(method, nowhere(path), headers={**cookie, **headers})
            assert answer.status_code == 403, (method, path, headers, answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs", "/v1/runs/{run}", "/v1/runs/{run}/export?format=csv", "/v1/no/such/path",
        "/v1/runs/{run}/attempts/export", "/v1/analyses/classes?run={run}&format=svg",
        "/v1/analyses/classes?run={run}&format=csv", "/metrics", "/health", "/openapi.json",
        "/docs", "/runs/{run}", "/sign-in", "/jobs/none",
    ],
)  # fmt: skip
def test_what_a_browser_is_given_runs_nothing_that_others_wrote(
    service: Service, run: str, path: str
) -> None:
    answer: Any = service.ask(Party.OPERATOR, "GET", path.format(run=run))

    assert answer.status_code in {200, 404, 422}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    page = answer.headers["Content-Type"].startswith("text/html")
    assert ("script-src 'self'" if page else "sandbox") in policy


def test_a_label_in_a_figure_is_text(service: Service, run: str) -> None:
    path = f"/v1/analyses/classes?run={run}&format=svg"
    figure: str = service.ask(Party.OPERATOR, "GET", path).text

    elements = set(re.findall(r"<(?:\w+:)?(\w+)", figure))
    assert "svg" in elements
    assert elements.isdisjoint({"script", "foreignObject", "iframe", "img", "a"})
    assert not re.search(r"<[^>]*\son\w+=", figure)
