"""Keys and teams from the command line, against the API itself."""

from datetime import UTC, datetime, timedelta

import pytest

from gerbench.cli.keys import moment_of, state
from tests.gerbench.cli.test_against_api import Gerbench, decoded, folder, gerbench

__all__ = ["folder", "gerbench"]


def test_a_key_is_made_listed_and_revoked(gerbench: Gerbench) -> None:
    made = gerbench("keys", "create", "ada, laptop", "--role", "viewer", "--expires", "90d")

    assert made.exit_code == 0, made.stderr
    assert made.stdout.startswith("gb_")
    assert "not shown again" in made.stderr
    (key,) = (key for key in decoded(gerbench("keys", "list", "--json")) if key["name"] != "admin")
    assert (key["name"], key["role"]) == ("ada, laptop", "viewer")
    assert made.stdout.strip() not in gerbench("keys", "list").stdout
    assert gerbench("keys", "revoke", key["id"][:8]).exit_code == 0
    listed = decoded(gerbench("keys", "list", "--json"))
    assert [each["revoked_at"] is None for each in listed if each["id"] == key["id"]] == [False]


def test_an_operator_makes_a_team_and_its_first_key(gerbench: Gerbench) -> None:
    assert "--team vision-lab" in gerbench("teams", "create", "vision-lab").stdout

    made = decoded(
        gerbench("keys", "create", "bo", "--team", "vision-lab", "--role", "admin", "--json")
    )

    assert [team["name"] for team in decoded(gerbench("teams", "list", "--json"))] == [
        "default",
        "vision-lab",
    ]
    listed = decoded(gerbench("keys", "list", "--team", "vision-lab", "--json"))
    assert [each["id"] for each in listed] == [made["id"]]
    assert decoded(gerbench("teams", "show", "--json"))["key"]["operator"]
    (entry,) = decoded(gerbench("teams", "audit", "--json"))
    assert (entry["action"], entry["object"]) == ("create_team", "vision-lab")


@pytest.mark.parametrize(
    ("text", "later"),
    [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)), ("2w", timedelta(weeks=2))],
)
def test_an_expiry_counts_from_now(text: str, later: timedelta) -> None:
    before = datetime.now(UTC)

    moment = datetime.fromisoformat(moment_of(text))

    assert before + later <= moment <= datetime.now(UTC) + later


@pytest.mark.parametrize("text", ["", "soon", "-3d", "3y", "99999999d"])
def test_another_expiry_is_told_what_one_looks_like(gerbench: Gerbench, text: str) -> None:
    result = gerbench("keys", "create", "ada", "--expires", text)

    assert result.exit_code == 2
    assert "90d" in result.stderr


def test_a_lists_state_is_the_first_that_holds() -> None:
    key = {"revoked_at": None, "expires_at": None}
    past, later = "2020-01-02T03:04:05Z", "2999-01-02T03:04:05Z"

    assert state(key) == "good"
    assert state({**key, "expires_at": past}) == "expired 2020-01-02T03:04:05Z"
    assert state({**key, "expires_at": later}) == "good until 2999-01-02T03:04:05Z"
    assert state({"expires_at": past, "revoked_at": past}) == "revoked 2020-01-02T03:04:05Z"
