"""Jobs: submitted, found by the first characters of their ids, watched, moved."""

import io
import json

import pytest
from rich.console import Console

from gerbench.cli.progress import Rate, duration, money
from gerbench.cli.watch import watch
from gerbench.client import ApiProblem, Client
from tests.gerbench.cli.bodies import JOB, OTHER_JOB, batch, cost, job, progress, run
from tests.gerbench.cli.canned import GONE, KEY, Canned, problem
from tests.gerbench.cli.conftest import Gerbench

HERE = f"/v1/jobs/{JOB}"
FAST = ("--interval", "0.01")


def test_the_least_job_leaves_the_rest_to_the_service(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued"), status=202)

    result = gerbench("jobs", "submit", "--dataset", "my-faces", "--model", "gpt-4o")

    assert result.exit_code == 0, result.stderr
    assert canned.last("POST").json() == {"dataset": "my-faces", "models": ["gpt-4o"]}
    assert "idempotency-key" not in canned.last("POST").headers
    assert result.stdout.splitlines() == [
        f"job {JOB} is queued: 1 run, 700 samples of my-faces@0123456789ab",
        "Watch it: gerbench jobs watch 1f3a9c00",
    ]


def test_every_option_has_its_place_in_the_body(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued"), status=202)

    result = gerbench(
        *("jobs", "submit", "--dataset", "clips@01", "--model", "a", "--model", "b"),
        *("--modality", "video", "--modality", "video+text", "--template", "terse@2"),
        *("--frames", "1", "--frames", "3", "--color", "gray", "--detail", "high"),
        *("--repeats", "3", "--batch-size", "4", "--limit", "100", "--seed", "0"),
        *("--priority", "-5", "--tag", "paper=table-9", "--tag", "note=a=b", "--tag", "empty="),
        *("--idempotency-key", "table-9", "--json"),
    )

    assert json.loads(result.stdout) == job("queued")
    assert canned.last("POST").headers["idempotency-key"] == "table-9"
    assert canned.last("POST").json() == {
        "dataset": "clips@01",
        "models": ["a", "b"],
        "conditions": {
            "modality": ["video", "video+text"],
            "template": ["terse@2"],
            "frames": [1, 3],
            "color": ["gray"],
            "detail": ["high"],
        },
        "repeats": 3,
        "batch_size": 4,
        "sample_limit": 100,
        "seed": 0,
        "priority": -5,
        "tags": {"paper": "table-9", "note": "a=b", "empty": ""},
    }


def test_a_job_can_be_sent_by_batch(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued", dispatch="batch"), status=202)

    gerbench("jobs", "submit", "--dataset", "d", "--model", "m", "--dispatch", "batch")

    assert canned.last("POST").json()["dispatch"] == "batch"


def test_a_job_shows_what_it_waits_for_at_its_provider(gerbench: Gerbench, canned: Canned) -> None:
    filling = batch("preparing", provider_id=None, completed=0, failed=0, lines=1)
    stuck = batch(provider_id="batch_xyz", provider_status="validating", reason="Bad gateway")
    canned.on("GET", HERE, job(dispatch="batch", batches=[batch(), filling, stuck]))

    shown = gerbench("jobs", "show", JOB).stdout

    assert "waits for batch_abc: in_progress, 120 of 500 lines through" in shown
    assert "batch b47c0000 is preparing: 1 line" in shown
    assert "batch_xyz: validating, 120 of 500 lines through; Bad gateway" in shown


def test_the_batches_of_a_job_are_listed(gerbench: Gerbench, canned: Canned) -> None:
    ended = batch("expired", provider_status="expired", reason="Too late.")
    canned.on("GET", f"{HERE}/batches", {"items": [ended], "next_cursor": None})

    shown = gerbench("jobs", "batches", JOB).stdout
    listed = json.loads(gerbench("jobs", "batches", JOB, "--json").stdout)

    for word in ("b47c0000", "expired", "500", "118", "Too late."):
        assert word in shown
    assert [each["provider_id"] for each in listed] == ["batch_abc"]


def test_a_job_without_batches_says_why(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", f"{HERE}/batches", {"items": [], "next_cursor": None})

    assert "sent online" in gerbench("jobs", "batches", JOB).output


def test_several_batch_sizes_are_crossed(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued"), status=202)

    gerbench(
        "jobs",
        "submit",
        "--dataset",
        "d",
        "--model",
        "m",
        "--batch-size",
        "1",
        "--batch-size",
        "20",
    )

    assert canned.last("POST").json()["batch_size"] == [1, 20]


def test_a_whole_body_comes_from_a_file(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued"), status=202)
    body = {"dataset": "d", "models": ["m"], "conditions": {"longest_side": [64]}}

    result = gerbench("jobs", "submit", "--file", "-", input=json.dumps(body))

    assert result.exit_code == 0
    assert canned.last("POST").json() == body


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--dataset", "d"),
        ("--model", "m"),
        ("--dataset", "d", "--model", "m", "--tag", "nonsense"),
        ("--dataset", "d", "--model", "m", "--tag", "=x"),
        ("--dataset", "d", "--model", "m", "--color", "blue"),
        ("--dataset", "d", "--model", "m", "--repeats", "0"),
        ("--file", "pyproject.toml"),
        ("--file", "no-such-file"),
        ("--file", "-", "--dataset", "d"),
    ],
)
def test_a_job_that_makes_no_sense_is_not_sent(
    gerbench: Gerbench, canned: Canned, args: tuple[str, ...]
) -> None:
    result = gerbench("jobs", "submit", *args, input="{}")

    assert result.exit_code == 2
    assert canned.asked == []


def test_what_the_service_finds_wrong_is_told(gerbench: Gerbench, canned: Canned) -> None:
    body = problem(404, "not_found", "there is no dataset 'd'; import it first")
    canned.on("POST", "/v1/jobs", body, status=404)

    result = gerbench("jobs", "submit", "--dataset", "d", "--model", "m")

    assert (result.exit_code, result.stderr) == (
        1,
        "gerbench: there is no dataset 'd'; import it first\n",
    )


# Ids.


def test_a_job_is_found_by_the_first_characters_of_its_id(
    gerbench: Gerbench, canned: Canned
) -> None:
    canned.page("/v1/jobs", job(), job(id=OTHER_JOB))
    canned.on("GET", HERE, job())

    result = gerbench("jobs", "show", "1F3A", "--json")

    assert json.loads(result.stdout)["id"] == JOB


def test_a_whole_id_needs_no_list(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", HERE, job())

    assert gerbench("jobs", "show", JOB).exit_code == 0
    assert [asked.path for asked in canned.asked] == [HERE]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1f3", f"2 jobs begin with '1f3': {JOB}, {OTHER_JOB}"),
        ("ffff", "none of the jobs begins with 'ffff'; see `gerbench jobs list`"),
        ("", "none of the jobs begins with ''; see `gerbench jobs list`"),
    ],
)
def test_an_id_that_is_not_one_job_is_told(
    gerbench: Gerbench, canned: Canned, text: str, said: str
) -> None:
    canned.page("/v1/jobs", job(), job(id=OTHER_JOB))

    result = gerbench("jobs", "cancel", text)

    assert (result.exit_code, result.stderr) == (1, f"gerbench: {said}\n")
    assert all(asked.method == "GET" for asked in canned.asked)


# Moves.


@pytest.mark.parametrize("move", ["cancel", "pause", "resume", "retry"])
def test_a_job_is_moved(gerbench: Gerbench, canned: Canned, move: str) -> None:
    canned.on("POST", f"{HERE}/{move}", job("paused", reason="paused by a person"))

    result = gerbench("jobs", move, JOB)

    assert result.exit_code == 0
    assert "paused by a person" in result.stdout


def test_an_illegal_move_says_why(gerbench: Gerbench, canned: Canned) -> None:
    body = problem(409, "illegal_move", "a job that is completed cannot be cancelled")
    canned.on("POST", f"{HERE}/cancel", body, status=409)

    result = gerbench("jobs", "cancel", JOB)

    assert result.exit_code == 1
    assert result.stderr == "gerbench: a job that is completed cannot be cancelled\n"


def test_jobs_are_listed_by_status(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/jobs", job("paused", progress=progress(5, refused=2)))

    result = gerbench("jobs", "list", "--status", "paused")

    assert canned.last("GET").query["status"] == "paused"
    (line,) = [line for line in result.stdout.splitlines() if JOB[:8] in line]
    assert line.split()[:7] == [
        "1f3a9c00",
        "paused",
        "my-faces@0123456789ab",
        "gpt-4o",
        "1",
        "7/700",
        "$0.50",
    ]


# Watching.


def test_watching_ends_with_the_job(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", HERE, job("queued"), job("running"), job("running"), job("completed"))

    result = gerbench("jobs", "watch", JOB, *FAST)

    assert result.exit_code == 0, result.stderr
    words = [line.split()[0] for line in result.stdout.splitlines()]
    assert words[:3] == ["queued", "running", "completed"]
    assert result.stdout.splitlines()[-1] == "Figures of a run: gerbench runs metrics 77aa0000"
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("status", "advice"), [("paused", "resume"), ("failed", "retry"), ("cancelled", "")]
)
def test_watching_exits_with_3_when_the_job_did_not_complete(
    gerbench: Gerbench, canned: Canned, status: str, advice: str
) -> None:
    canned.on("GET", HERE, job("running"), job(status, reason="billing hard limit"))

    result = gerbench("jobs", "watch", JOB, *FAST)

    assert result.exit_code == 3
    assert f"job {JOB} is {status}: billing hard limit" in result.stderr
    assert (f"gerbench jobs {advice} {JOB[:8]}" in result.stderr) == bool(advice)


def test_a_job_may_be_submitted_and_watched_at_once(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/jobs", job("queued"), status=202)
    canned.on("GET", HERE, job("running"), job("completed"))

    result = gerbench("jobs", "submit", "--dataset", "d", "--model", "m", "--watch", *FAST)

    assert result.exit_code == 0
    assert "completed" in result.stdout


@pytest.mark.parametrize(("status", "code"), [("completed", 0), ("paused", 3)])
def test_watching_as_json_prints_the_last_job_alone(
    gerbench: Gerbench, canned: Canned, status: str, code: int
) -> None:
    canned.on("GET", HERE, job("running"), job(status))

    result = gerbench("jobs", "watch", JOB, "--json", *FAST)

    assert result.exit_code == code
    assert json.loads(result.stdout) == job(status)
    assert "running 0/700" in result.stderr


def test_watching_outlives_a_service_that_is_started_again(
    gerbench: Gerbench, canned: Canned
) -> None:
    canned.on("GET", HERE, job("running"), GONE)
    canned.on("GET", HERE, problem(503, "not_ready", "wait"), status=503)
    canned.on("GET", HERE, job("completed"))

    assert gerbench("jobs", "watch", JOB, *FAST).exit_code == 0


def test_watching_does_not_wait_for_what_will_not_change(
    gerbench: Gerbench, canned: Canned
) -> None:
    canned.on("GET", HERE, job("running"))
    canned.on("GET", HERE, problem(404, "not_found", "no such job"), status=404)

    result = gerbench("jobs", "watch", JOB, *FAST)

    assert result.exit_code == 1
    assert "no such job" in result.stderr


def test_watching_begins_only_where_a_service_answers(canned: Canned) -> None:
    canned.on("GET", HERE, problem(503, "not_ready", "wait"), status=503)

    with Client(canned.url, KEY) as client, pytest.raises(ApiProblem):
        watch(client, JOB, Console(file=io.StringIO()))


def test_a_terminal_shows_progress_pace_and_cost_in_place(canned: Canned) -> None:
    going = progress(350, refused=3)
    canned.on("GET", HERE, job(progress=going, eta_seconds=125.0), job("completed"))
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)

    with Client(canned.url, KEY) as client:
        end = watch(client, JOB, console, interval=0.01)

    assert end["status"] == "completed"
    shown = screen.getvalue()
    for text in ("353/700", "2 min 05 s left", "$0.50", "answered 350", "refused 3"):
        assert text in shown
    assert "\x1b[" in shown


def test_a_job_of_several_runs_is_shown_run_by_run(gerbench: Gerbench, canned: Canned) -> None:
    runs = [run("completed"), run("failed", model="other", cost=cost(None))]
    canned.on("GET", HERE, job("failed", runs=runs, reason="all [400]"))

    result = gerbench("jobs", "show", JOB)

    assert "all [400]" in result.stdout
    assert "image default@1 rgb low" in result.stdout
    assert "1,200 tokens" in result.stdout


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    rate = Rate()

    assert rate.after(0, 0.0) is None
    assert rate.after(100, 10.0) == 10.0
    assert rate.after(100, 30.0) == pytest.approx(100 / 30)
    assert rate.after(100, 41.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")],
)
def test_time_spans_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(None, "-"), (0, "$0.00"), (0.00123, "$0.0012"), (1234.5, "$1,234.50")]
)
def test_small_sums_keep_their_digits(usd: float | None, text: str) -> None:
    assert money(usd) == text
