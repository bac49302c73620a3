"""Budgets over REST: of jobs, and of the team's month."""

from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.db import Database, utc_now
from core.rules.budgets import Tally, month_of
from core.tables import ModelSpend
from tests import rows

BODY = {"dataset": "moods", "models": ["priced"], "conditions": {"template": ["plain"]}}


@pytest.fixture
def ready(client: TestClient, database: Database) -> TestClient:
    with database.write.begin() as session:
        rows.dataset(session, 6)
        rows.model(session, "priced", prices={"input_per_mtok": 1, "output_per_mtok": 2})
        rows.model(session, "free")
        rows.template(session)
    return client


def problem(response: Any, status: int = 422) -> str:
    assert response.status_code == status
    return str(response.json()["detail"])


def test_a_job_shows_what_it_may_spend_and_what_it_has(ready: TestClient) -> None:
    job = ready.post("/v1/jobs", json={**BODY, "budget_usd": 5.0, "budget_requests": 100}).json()

    assert job["budget"] == {
        "usd": 5.0,
        "requests": 100,
        "spent_usd": 0.0,
        "reserved_usd": 0.0,
        "unheard_usd": 0.0,
        "attempts": 0,
    }


def test_a_budget_is_changed_bound_by_bound(ready: TestClient) -> None:
    job = ready.post("/v1/jobs", json={**BODY, "budget_usd": 5.0, "budget_requests": 100}).json()

    def change(**body: Any) -> tuple[Any, Any]:
        budget = ready.patch(f"/v1/jobs/{job['id']}", json=body).json()["budget"]
        return budget["usd"], budget["requests"]

    assert change(budget_usd=10) == (10.0, 100)
    assert change(budget_requests=None) == (10.0, None)
    assert change() == (10.0, None)
    assert change(budget_usd=None) == (None, None)


def test_dollars_need_prices_at_submission_and_later(ready: TestClient) -> None:
    body = {**BODY, "models": ["priced", "free"]}

    at_once = ready.post("/v1/jobs", json={**body, "budget_usd": 5.0})
    job = ready.post("/v1/jobs", json={**body, "budget_requests": 5}).json()
    later = ready.patch(f"/v1/jobs/{job['id']}", json={"budget_usd": 5.0})

    assert problem(at_once) == problem(later)
    assert problem(later).startswith(
        "a budget in dollars cannot hold a model without prices: set those of free with PATCH"
    )


@pytest.mark.parametrize(
    "bad", [{"budget_usd": -1}, {"budget_requests": 0.5}, {"budget_usd": 1e10}, {"usd": 1}]
)
def test_what_is_no_budget_is_refused(ready: TestClient, bad: dict[str, Any]) -> None:
    job = ready.post("/v1/jobs", json=BODY).json()

    assert ready.post("/v1/jobs", json={**BODY, **bad}).status_code == 422
    assert ready.patch(f"/v1/jobs/{job['id']}", json=bad).status_code == 422


def test_a_budget_of_a_job_that_is_not_there_is_not_changed(ready: TestClient) -> None:
    unknown = "/v1/jobs/00000000-0000-0000-0000-000000000000"

    problem(ready.patch(unknown, json={"budget_usd": 1}), 404)


def test_the_team_has_a_budget_for_each_month(ready: TestClient) -> None:
    before = ready.get("/v1/team").json()

    after = ready.patch("/v1/team", json={"monthly_budget_usd": 200.5}).json()

    assert before["name"] == "default"
    assert (before["monthly_budget_usd"], before["monthly_budget_requests"]) == (None, None)
    assert before["months"] == []
    assert after == before | {"monthly_budget_usd": 200.5}
    assert ready.patch("/v1/team", json={"monthly_budget_usd": None}).json() == before


def test_a_team_held_to_dollars_submits_no_job_on_models_without_prices(ready: TestClient) -> None:
    ready.patch("/v1/team", json={"monthly_budget_usd": 200})

    refused = ready.post("/v1/jobs", json={**BODY, "models": ["free"]})

    assert problem(refused).startswith("team default's budget in dollars cannot hold")
    assert ready.post("/v1/jobs", json=BODY).status_code == 202


def test_what_models_cost_is_told_by_the_month(ready: TestClient, database: Database) -> None:
    with database.write.begin() as session:
        model = rows.model(session, "costly").id
        for month, tally in (
            (date(2025, 12, 1), Tally(2_000_000_000, 0, 3)),
            (month_of(utc_now()), Tally(500_000_000, 1_000_000_000, 1)),
        ):
            session.add(ModelSpend(model_id=model, month=month, **tally.columns))

    spend = ready.get("/v1/models/costly").json()["spend"]
    first = ready.get("/v1/team/spend", params={"limit": 1}).json()
    rest = ready.get("/v1/team/spend", params={"cursor": first["next_cursor"]}).json()
    as_csv = ready.get("/v1/team/spend", params={"format": "csv", "model": "costly", "limit": 1})

    assert spend["this_month"] == {
        "month": f"{utc_now():%Y-%m}",
        "spent_usd": 0.5,
        "reserved_usd": 1.0,
        "attempts": 1,
    }
    assert spend["total"] == {"spent_usd": 2.5, "reserved_usd": 1.0, "attempts": 4}
    assert first["items"] == [{"model": "costly", **spend["this_month"]}]
    assert [(each["month"], each["spent_usd"]) for each in rest["items"]] == [("2025-12", 2.0)]
    assert as_csv.text.splitlines() == [
        "month,model,spent_usd,reserved_usd,attempts",
        f"{utc_now():%Y-%m},costly,0.5,1.0,1",
    ]
    assert as_csv.headers["X-Next-Cursor"] == first["next_cursor"]


def test_the_audit_log_is_narrowed_by_who_and_what(ready: TestClient) -> None:
    ready.patch("/v1/team", json={"monthly_budget_usd": 1})
    key = ready.post("/v1/keys", json={"name": "ada"}).json()

    def actions(**wanted: str) -> list[str]:
        found = ready.get("/v1/audit", params=wanted).json()["items"]
        return [entry["action"] for entry in found]

    assert actions() == ["create_key", "change_team"]
    assert actions(action="change_team") == ["change_team"]
    assert actions(object=key["id"], key_name="admin") == ["create_key"]
    assert actions(key_name="ada") == []
