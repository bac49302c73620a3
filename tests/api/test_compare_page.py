"""The page that compares runs: what is ticked stays ticked, and each count opens its cases."""

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from core.db import Database
from core.rules.states import Status
from core.tables import Job
from tests import rows

A, H, S = rows.LABELS


@pytest.fixture
def there(client: TestClient, database: Database) -> dict[str, Any]:
    """Two runs of one job over six samples, and one over another dataset."""
    with database.write.begin() as session:
        model, asking = rows.model(session), rows.template(session)
        job = rows.job(session, rows.dataset(session, 6), model, asking)
        first = rows.finished(session, job, [A, H, S, H, A, A])
        second = rows.finished(session, job, [A, A, H, A, H, H], repeat=2)
        alone = rows.job(session, rows.dataset(session, 1, name="lone"), model, asking)
        lone = rows.finished(session, alone, [A])
        session.execute(
            update(Job)
            .where(Job.id == job.id)
            .values(status=Status.COMPLETED, finished_at=rows.NOW)
        )
        return {"job": job.id, "runs": [first.id, second.id], "lone": lone.id}


def ticks(page: str) -> dict[UUID, bool]:
    """The runs that can be ticked, and whether they are."""
    found = re.findall(r'type="checkbox" name="run" value="([^"]+)"[^>]*?( checked)?>', page)
    return {UUID(run): bool(on) for run, on in found}


def shown(client: TestClient, **query: Any) -> str:
    answer = client.get("/compare", params=query)
    assert answer.status_code == 200
    return answer.text


def test_runs_are_found_by_what_they_are_about(client: TestClient, there: dict[str, Any]) -> None:
    everything = {*there["runs"], there["lone"]}

    assert set(ticks(shown(client))) == everything
    assert set(ticks(shown(client, job=there["job"]))) == set(there["runs"])
    assert set(ticks(shown(client, dataset="lone"))) == {there["lone"]}
    assert set(ticks(shown(client, model="local"))) == everything
    assert ticks(shown(client, model="none")) == {}


def test_what_is_ticked_stays_whatever_is_looked_for(
    client: TestClient, there: dict[str, Any]
) -> None:
    first = there["runs"][0]

    page = shown(client, run=str(first), dataset="lone", limit=1)

    assert ticks(page) == {first: True, there["lone"]: False}
    assert 'name="cursor"' in shown(client, limit=1)


def test_each_count_of_a_pair_opens_as_many_cases(
    client: TestClient, there: dict[str, Any]
) -> None:
    page = shown(client, run=[str(run) for run in there["runs"]], metric="uar")

    links = re.findall(r'href="(/cases\?[^"]*)" aria-label="(\d+) samples', page)
    assert [int(count) for _, count in links] == [2, 2, 5]
    for path, count in links:
        found = client.get(f"/v1/analyses{unescape(path)}").json()["items"]
        assert len({case["sample"] for case in found}) == int(count)


def test_runs_over_different_samples_are_not_compared(
    client: TestClient, there: dict[str, Any]
) -> None:
    page = shown(client, run=[str(there["runs"][0]), str(there["lone"])])

    assert "Name two runs of the same dataset version or more." in page
    assert 'id="pairs"' not in page


def test_the_runs_of_a_job_that_has_ended_are_ticked_on_its_page(
    client: TestClient, there: dict[str, Any]
) -> None:
    page = client.get(f"/jobs/{there['job']}").text

    assert set(there["runs"]) <= set(ticks(page))
    assert f'<input type="hidden" name="job" value="{there["job"]}">' in page
