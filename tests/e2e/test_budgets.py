"""Budgets from outside: what the endpoint's own log adds up to, and what a person is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gerbench.client import path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Up, up

pytestmark = pytest.mark.slow

DOLLARS_IN, DOLLARS_OUT = 1e-6, 2e-6
"""As `jobs.name_model` prices a token."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("bounded") / "data") as service:
        jobs.import_folder(service.client, faces)
        yield service


def billed(endpoint: LocalEndpoint) -> float:
    return sum(
        entry.prompt_tokens * DOLLARS_IN + entry.completion_tokens * DOLLARS_OUT
        for entry in endpoint.log
        if entry.billed
    )


def test_a_job_stops_within_its_budget_says_so_and_goes_on_when_it_is_raised(service: Up) -> None:
    client, budget = service.client, 0.02
    with LocalEndpoint(EndpointOptions(latency_ms=30, jitter_ms=20)) as endpoint:
        jobs.name_model(client, endpoint.base_url)
        job = jobs.submit(client, batch_size=1, budget_usd=budget)
        paused = jobs.stands(client, job, "paused")
        after_pause = billed(endpoint)

        client.patch(path("jobs", job["id"]), {"budget_usd": 5.0})
        client.post(path("jobs", job["id"], "resume"))
        done = jobs.ended(client, job)

    spent = paused["budget"]
    assert 0 < paused["progress"]["answered"] < 140
    assert spent["spent_usd"] == pytest.approx(after_pause) == pytest.approx(paused["cost"]["usd"])
    assert after_pause <= budget
    assert (spent["reserved_usd"], spent["unheard_usd"]) == (0.0, 0.0)
    assert paused["reason"].startswith("budget of $0.02 reached: $0.01")
    assert f"gerbench jobs budget {job['id']} --usd N" in paused["reason"]
    assert (done["status"], done["progress"]["answered"]) == ("completed", 140)


def test_a_team_s_month_bounds_all_of_its_jobs(service: Up) -> None:
    client = service.client
    used = client.get(path("team"))["months"]
    calls = sum(month["attempts"] for month in used)
    client.patch(path("team"), {"monthly_budget_requests": calls + 9})
    with LocalEndpoint() as endpoint:
        jobs.name_model(client, endpoint.base_url, "shared")
        made = [jobs.submit(client, model="shared", batch_size=1) for _ in range(2)]
        paused = [jobs.stands(client, job, "paused") for job in made]
        sent = len(endpoint.log)
    team = client.patch(path("team"), {"monthly_budget_requests": None})

    assert sent == 9
    assert {"budget of team default" in job["reason"] for job in paused} == {True}
    assert team["months"][0]["attempts"] == calls + 9
    assert team["monthly_budget_requests"] is None
