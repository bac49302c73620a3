"""Quotes: asked for with the options of a submission, printed as tables, compared in the end."""

import json
from typing import Any

import pytest

from gerbench.cli.jobs import app
from tests.gerbench.cli.bodies import JOB, compared, figures, job, quote
from tests.gerbench.cli.canned import Canned
from tests.gerbench.cli.conftest import Gerbench

ASK = ("jobs", "quote", "--dataset", "my-faces", "--model", "gpt-4o")
LINE = quote()["models"][0]
MORE = "12 requests, 4,100 tokens, $0.08"
TOKENS, REQUESTS = "quoted 1,300, used 1,200 tokens", "quoted 35, made 36 requests"


def test_a_quote_is_asked_for_as_a_job_is_submitted(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs/quote", quote())
    options = ("--repeats", "3", "--detail", "high", "--tag", "paper=table-9", "--json")

    result = gerbench(*ASK, *options)

    assert json.loads(result.stdout) == quote()
    assert canned.last("POST").json() == {
        "dataset": "my-faces",
        "models": ["gpt-4o"],
        "conditions": {"detail": ["high"]},
        "repeats": 3,
        "tags": {"paper": "table-9"},
    }


def test_it_takes_every_option_of_a_submission_that_is_part_of_the_job() -> None:
    commands = {each.name: each.callback for each in app.registered_commands}
    options = {
        name: set(callback.__annotations__) for name, callback in commands.items() if callback
    }

    assert options["submit"] - options["quote"] == {"idempotency_key", "follow", "interval"}
    assert "body" not in options["submit"] | options["quote"]


def test_the_same_is_missing_that_a_submission_would_miss(gerbench: Gerbench) -> None:
    result = gerbench("jobs", "quote", "--dataset", "my-faces")

    assert (result.exit_code, "--model" in result.stderr) == (2, True)


def test_a_quote_is_a_line_for_each_kind_of_run_and_their_sum(
    gerbench: Gerbench, canned: Canned
) -> None:
    canned.on("POST", "/v1/jobs/quote", quote())

    shown = gerbench(*ASK).stdout.splitlines()

    assert shown[0] == "on my-faces@0123456789ab"
    (run,) = [line for line in shown if line.startswith("gpt-4o ")]
    assert " ".join(run.split()[5:]) == "20 1 x 700 35 +12 64,400 + 17,500 $1.20 $2.40"
    (total,) = [line for line in shown if line.startswith("sum")]
    assert " ".join(total.split()[3:]) == "all 700 35 +12 64,400 + 17,500 $1.20 $2.40"
    assert "gpt-4o: 4 min 42 s, bound by requests per minute, done at 2026-11-22T22:04:42Z" in shown
    assert shown[-2:] == [
        f"Overhead as in past runs: 3.1 % of the samples refused; {MORE} more",
        "In all: 47 requests, 86,000 tokens, $1.28",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"overhead": None}, "not known, as some model has no completed run"),
        ({"overhead": None}, "In all: 35 requests, 81,900 tokens, $1.20"),
        ({"usd": None}, "In all: 47 requests, 86,000 tokens\n"),
        ({"models": [LINE | {"ahead": 1200}]}, "behind 1,200 requests of other jobs"),
        (
            {"models": [LINE | {"seconds": None, "bound_by": "unknown", "finish_at": None}]},
            "no telling when",
        ),
        ({"models": [LINE | {"finish_at": None}]}, "bound by requests per minute\n"),
        ({"runs": [quote()["runs"][0] | figures(usd=None, most_usd=None, overhead=None)]}, " - "),
    ],
)
def test_what_is_not_known_is_said(
    gerbench: Gerbench, canned: Canned, change: dict[str, Any], words: str
) -> None:
    canned.on("POST", "/v1/jobs/quote", quote(**change))

    result = gerbench(*ASK)

    assert result.exit_code == 0, result.stderr
    assert words in result.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ["quoted $0.55, spent $0.50", TOKENS, REQUESTS]),
        (
            {"usd": compared(None, None), "seconds": compared(60.0, 75.0)},
            [TOKENS, REQUESTS, "quoted 1 min 00 s, took 1 min 15 s"],
        ),
    ],
)
def test_a_job_that_is_shown_or_watched_ends_with_its_quote_beside_what_it_took(
    gerbench: Gerbench, canned: Canned, change: dict[str, Any], words: list[str]
) -> None:
    ended = job("completed")
    ended["against_quote"] |= change
    canned.on("GET", f"/v1/jobs/{JOB}", ended)

    shown = gerbench("jobs", "show", JOB)
    watched = gerbench("jobs", "watch", JOB)

    assert "; ".join(words) in shown.stdout.splitlines()
    assert "; ".join(words) in watched.stdout.splitlines()
