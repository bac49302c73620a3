"""Quotes over REST, and a job's quote beside what it took."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from core.db import Database
from core.tables import Job, Run
from tests import rows
from tests.rows import LATER, NOW

BODY = {"dataset": "moods", "models": ["local"], "conditions": {"template": ["plain"]}}


@pytest.fixture
def ready(client: TestClient, database: Database) -> TestClient:
    """A client of a service with a dataset of 30 samples and two models, one without a price."""
    with database.write.begin() as session:
        rows.dataset(session, 30)
        rows.model(session, prices={"input_per_mtok": 1, "output_per_mtok": 2}, limits={"rpm": 6})
        rows.model(session, "free")
        rows.template(session)
    return client


def test_a_quote_takes_the_body_of_a_job_and_makes_none(ready: TestClient) -> None:
    response = ready.post("/v1/jobs/quote", json={**BODY, "repeats": 2})

    quoted = response.json()
    assert response.status_code == 200, response.text
    assert ready.get("/v1/jobs").json()["items"] == []
    (run,) = quoted["runs"]
    assert (run["repeats"], run["requests"], run["samples"]) == (2, 2, 30)
    assert quoted["usd"] == pytest.approx(2 * run["usd"])
    assert (quoted["requests"], quoted["bound_by"], quoted["overhead"]) == (4, "rpm", None)
    assert quoted["seconds"] == 4 * 10 + 10


def test_a_quote_is_of_the_teams_share_of_the_limits(ready: TestClient) -> None:
    whole = ready.post("/v1/jobs/quote", json=BODY).json()
    ready.patch("/v1/teams/default", json={"rate_share": 0.5})

    part = ready.post("/v1/jobs/quote", json=BODY).json()

    assert (part["usd"], part["bound_by"]) == (whole["usd"], "rpm")
    assert part["seconds"] - 10 == 2 * (whole["seconds"] - 10)


def test_a_quote_says_what_is_not_known(ready: TestClient) -> None:
    quoted = ready.post("/v1/jobs/quote", json={**BODY, "models": ["local", "free"]}).json()

    assert [run["model"] for run in quoted["runs"]] == ["local", "free"]
    assert [model["bound_by"] for model in quoted["models"]] == ["rpm", "unknown"]
    assert (quoted["usd"], quoted["seconds"], quoted["finish_at"]) == (None, None, None)
    assert quoted["runs"][0]["usd"] is not None


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"dataset": "none"}, 404, "none"),
        ({"models": ["none"]}, 404, "none"),
        ({"conditions": {"template": ["none"]}}, 404, "none"),
        ({"conditions": {"template": ["plain"], "modality": ["video"]}}, 422, "cannot show video"),
        ({"models": []}, 422, "/body/models"),
        ({"speed": 5}, 422, "/body/speed"),
    ],
)
def test_a_quote_is_refused_as_the_job_would_be(
    ready: TestClient, change: dict[str, Any], status: int, words: str
) -> None:
    body = {**BODY, **change}

    asked, made = (ready.post(path, json=body) for path in ("/v1/jobs/quote", "/v1/jobs"))

    assert (asked.status_code, asked.json()) == (status, made.json())
    assert words in asked.text


def test_a_job_shows_its_quote_beside_what_it_took(ready: TestClient, database: Database) -> None:
    made = ready.post("/v1/jobs", json=BODY).json()
    before = made["against_quote"]
    with database.write.begin() as session:
        spent = {"prompt_tokens": 900, "completion_tokens": 100, "cost_nano": 1_100_000}
        session.execute(update(Run).values(attempts=3, **spent))
        session.execute(update(Job).values(created_at=NOW, finished_at=LATER, status="completed"))

    shown = ready.get(f"/v1/jobs/{made['id']}").json()
    quote, after = shown["quote"], shown["against_quote"]

    assert quote == made["quote"]
    assert before["requests"] == {"quoted": 2, "actual": 0, "ratio": 0.0}
    assert before["seconds"] == {"quoted": quote["seconds"], "actual": None, "ratio": None}
    assert after["requests"] == {"quoted": 2, "actual": 3, "ratio": 1.5}
    tokens = quote["prompt_tokens"] + quote["completion_tokens"]
    assert after["tokens"] == {"quoted": tokens, "actual": 1000, "ratio": 1000 / tokens}
    assert after["usd"] == {
        "quoted": quote["usd"],
        "actual": 0.0011,
        "ratio": pytest.approx(0.0011 / quote["usd"]),
    }
    assert after["seconds"]["actual"] == 3600


def test_what_was_not_quoted_or_has_no_price_is_null(ready: TestClient) -> None:
    made = ready.post("/v1/jobs", json={**BODY, "models": ["free"]}).json()

    nothing = {"quoted": None, "actual": None, "ratio": None}
    assert made["against_quote"]["usd"] == nothing
    assert made["against_quote"]["seconds"] == nothing


def test_a_quote_counts_the_overhead_of_the_past(ready: TestClient, database: Database) -> None:
    ready.post("/v1/jobs", json=BODY)
    with database.write.begin() as session:
        totals = {"answered": 24, "refused": 6, "requests": 14, "completion_tokens": 720}
        tokens = {"prompt_tokens": 3_000, "expected_prompt_tokens": 2_000}
        session.execute(update(Run).values(status="completed", finished_at=NOW, **totals, **tokens))

    made = ready.post("/v1/jobs", json=BODY).json()

    (run,) = made["quote"]["runs"]
    assert run["overhead"] == {
        "refused_share": 0.2,
        "requests": 24,
        "tokens": run["prompt_tokens"] / 2,
        "usd": run["prompt_tokens"] / 2 / 1_000_000,
        "of": "dataset",
        "past_runs": 1,
    }
    assert run["completion_tokens"] == 900
    assert made["against_quote"]["requests"]["quoted"] == 26
    assert made["against_quote"]["usd"]["quoted"] == pytest.approx(
        run["usd"] + run["overhead"]["usd"]
    )
