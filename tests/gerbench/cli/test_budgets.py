"""Budgets on the command line: what is sent, and what is shown."""

import json
from typing import Any

import pytest

from tests.gerbench.cli.bodies import JOB, budget, job
from tests.gerbench.cli.canned import Canned
from tests.gerbench.cli.conftest import Gerbench

MONTH = {"month": "2026-11", "spent_usd": 12.5, "reserved_usd": 0.25, "attempts": 4321}
TEAM: dict[str, Any] = {
    "name": "default",
    "rate_share": 1.0,
    "monthly_budget_usd": 200.0,
    "monthly_budget_requests": None,
    "months": [MONTH],
    "key": {"id": "k", "name": "ada", "role": "admin", "operator": False},
}


def test_a_job_is_submitted_with_a_budget(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued"))

    gerbench(
        *("jobs", "submit", "--dataset", "my-faces", "--model", "gpt-4o"),
        *("--budget-usd", "5", "--budget-requests", "100"),
    )

    sent = canned.last("POST").json()
    assert (sent["budget_usd"], sent["budget_requests"]) == (5.0, 100)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (("--usd", "10"), {"budget_usd": 10.0}),
        (("--requests", "0"), {"budget_requests": 0}),
        (("--usd", "0", "--requests", "7"), {"budget_usd": 0.0, "budget_requests": 7}),
        (("--no-limit",), {"budget_usd": None, "budget_requests": None}),
    ],
)
def test_a_budget_is_changed_bound_by_bound(
    gerbench: Gerbench, canned: Canned, options: tuple[str, ...], sent: dict[str, Any]
) -> None:
    canned.on("PATCH", f"/v1/jobs/{JOB}", job("paused"))
    canned.on("PATCH", "/v1/team", TEAM)

    gerbench("jobs", "budget", JOB, *options)
    of_job = canned.last("PATCH").json()
    gerbench("teams", "budget", *options)

    assert of_job == sent
    assert canned.last("PATCH").json() == {f"monthly_{name}": sent[name] for name in sent}


@pytest.mark.parametrize("options", [(), ("--no-limit", "--usd", "3")])
def test_a_change_says_what_to(gerbench: Gerbench, options: tuple[str, ...]) -> None:
    assert gerbench("jobs", "budget", JOB, *options).exit_code == 2
    assert gerbench("teams", "budget", *options).exit_code == 2


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (
            budget(usd=5.0, reserved_usd=0.25),
            "budget: at most $5.00; $0.50 spent, $0.25 reserved for calls under way, 12 calls",
        ),
        (budget(requests=1000), "budget: at most 1,000 calls; $0.50 spent, 12 calls"),
        (budget(usd=5.0, unheard_usd=0.1), "($0.10 of it possibly billed: nobody heard the cost)"),
    ],
)
def test_a_job_with_a_budget_shows_what_is_spent_of_it(
    gerbench: Gerbench, canned: Canned, shown: dict[str, Any], line: str
) -> None:
    canned.on("GET", f"/v1/jobs/{JOB}", job(budget=shown))

    assert line in " ".join(gerbench("jobs", "show", JOB).stdout.split())


def test_a_job_without_a_budget_shows_none(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", f"/v1/jobs/{JOB}", job())

    assert "budget" not in gerbench("jobs", "show", JOB).stdout


def test_the_team_is_shown_month_by_month(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", "/v1/team", TEAM)

    text = gerbench("teams", "show").stdout
    told = json.loads(gerbench("teams", "show", "--json").stdout)

    assert "at most $200.00" in text
    assert text.splitlines()[-1].split() == ["2026-11", "$12.50", "$0.25", "4,321"]
    assert told == TEAM


def test_a_team_is_given_a_share_and_shown_it(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("PATCH", "/v1/teams/vision-lab", {"name": "vision-lab", "rate_share": 0.5})
    canned.on("GET", "/v1/team", {**TEAM, "rate_share": 0.5})

    told = gerbench("teams", "share", "vision-lab", "0.5").stdout

    assert canned.last("PATCH").json() == {"rate_share": 0.5}
    assert told == "vision-lab is held to 0.5 of its models' limits from now on\n"
    assert "0.5" in gerbench("teams", "show").stdout
