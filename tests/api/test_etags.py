"""Conditional requests: who has the newest answer is not sent it again."""

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from api.etags import matches
from core import jobs
from core.db import Database, utc_now
from core.tables import KeptAnswer, Run
from tests import rows

A, H, S = rows.LABELS


@pytest.fixture
def run(client: TestClient, database: Database) -> Run:
    """A run that completed, in a job that has another one under way."""
    with database.write.begin() as session:
        data, by = rows.dataset(session, 6), rows.model(session)
        job = rows.job(session, data, by, rows.template(session))
        return rows.finished(session, job, [A, H, S, A, H, H])


PLACES = [
    "/v1/jobs",
    "/v1/jobs/{job}",
    "/v1/runs",
    "/v1/runs/{run}",
    "/v1/runs/{run}/metrics",
    "/v1/runs/{run}/predictions?limit=2",
    "/v1/metrics",
    "/v1/analyses/main?run={run}",
    "/v1/analyses/main?run={run}&format=csv",
    "/v1/analyses/main?run={run}&format=svg",
    "/v1/datasets",
    "/v1/models",
]


@pytest.mark.parametrize("place", PLACES)
def test_who_has_the_newest_answer_is_told_so_and_sent_nothing(
    client: TestClient, run: Run, place: str
) -> None:
    where = place.format(job=run.job_id, run=run.id)
    first = client.get(where)

    again = client.get(where, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(where, headers={"If-None-Match": '"other"'})

    assert first.headers["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "Content-Type" not in again.headers
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize("place", ["/v1/jobs/{job}", "/v1/runs", "/v1/runs/{run}"])
def test_what_has_changed_is_sent(
    client: TestClient, database: Database, run: Run, place: str
) -> None:
    where = place.format(job=run.job_id, run=run.id)
    tag = client.get(where).headers["ETag"]
    with database.write.begin() as session:
        session.execute(update(Run).where(Run.id == run.id).values(attempts=Run.attempts + 1))

    again = client.get(where, headers={"If-None-Match": tag})

    assert again.status_code == 200
    assert again.headers["ETag"] != tag


def test_an_analysis_that_is_known_is_not_made(
    client: TestClient, database: Database, run: Run
) -> None:
    where = f"/v1/analyses/main?run={run.id}"
    tag = client.get(where).headers["ETag"]
    with database.write.begin() as session:
        session.execute(update(KeptAnswer).values(body=b"never read"))

    assert client.get(where, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(where).content == b"never read"


def test_an_analysis_of_what_is_under_way_is_tagged_by_what_it_says(
    client: TestClient, database: Database, run: Run
) -> None:
    where = f"/v1/analyses/main?job={run.job_id}"
    first = client.get(where)
    again = client.get(where, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304

    with database.write.begin() as session:
        assert run.job_id is not None
        jobs.cancel(session, run.job_id, now=utc_now())

    after = client.get(where, headers={"If-None-Match": first.headers["ETag"]})
    assert (after.status_code == 304) == (client.get(where).content == first.content)


@pytest.mark.parametrize("place", ["/v1/jobs/nonsense", "/v1/nowhere", "/v1/jobs?limit=0"])
def test_a_problem_has_no_tag(client: TestClient, place: str) -> None:
    response = client.get(place, headers={"If-None-Match": "*"})

    assert response.status_code >= 400
    assert "ETag" not in response.headers


def test_nothing_but_reading_is_conditional(client: TestClient) -> None:
    response = client.post("/v1/jobs/quote", json={}, headers={"If-None-Match": "*"})

    assert response.status_code == 422


def test_an_export_is_streamed_without_a_tag(client: TestClient, run: Run) -> None:
    response = client.get(f"/v1/runs/{run.id}/export", headers={"If-None-Match": "*"})

    assert response.status_code == 200
    assert "ETag" not in response.headers


def test_a_stranger_learns_nothing_from_a_tag(client: TestClient, anonymous: TestClient) -> None:
    tag = client.get("/v1/jobs").headers["ETag"]

    assert anonymous.get("/v1/jobs", headers={"If-None-Match": tag}).status_code == 401


@pytest.mark.parametrize(
    ("known", "same"),
    [
        (None, False),
        ("", False),
        ("*", True),
        (" * ", True),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x",W/"abc" , "y"', True),
        ("abc", False),
        ('"ab"', False),
        ('"abcd"', False),
        ('"x, abc"', False),
        ('"*"', False),
    ],
)
@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"'])
def test_tags_are_compared_weakly(known: str | None, tag: str, same: bool) -> None:
    assert matches(known, tag) is same


@given(st.text())
def test_no_header_is_too_odd(known: str) -> None:
    assert matches(known, '"0123456789abcdef0123456789abcdef"') is (known.strip() == "*")
