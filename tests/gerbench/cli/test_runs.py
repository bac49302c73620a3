"""Runs: figures, predictions, requests and attempts on a screen and as JSON."""

import io
import json

import pytest
from rich.console import Console

from gerbench.cli import show
from gerbench.cli.tree import requests_tree
from tests.gerbench.cli.bodies import JOB, RUN, job, metrics, progress, request, rescored, run
from tests.gerbench.cli.canned import Canned
from tests.gerbench.cli.conftest import Gerbench

HERE = f"/v1/runs/{RUN}"
EMOTIONS = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def shown(renderable: object, width: int = 100) -> str:
    screen = io.StringIO()
    Console(file=screen, width=width, color_system=None).print(renderable)
    return screen.getvalue()


def test_runs_are_listed_by_job(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/jobs", job())
    canned.page("/v1/runs", run())

    result = gerbench("runs", "list", "--job", "1f3a", "--json")

    assert json.loads(result.stdout) == [run()]
    assert canned.last("GET").query["job"] == JOB


def test_a_run_is_shown_field_by_field(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/runs", run())
    canned.on("GET", HERE, run("paused", reason="\x1b[2Jno credit"))

    result = gerbench("runs", "show", "77")

    assert "condition.template" in result.stdout
    assert "\ufffd[2Jno credit" in result.stdout
    assert "2026-11-22T22:00:00Z" in result.stdout


def test_figures_come_as_percent_with_their_intervals(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", f"{HERE}/metrics", metrics())

    result = gerbench("runs", "metrics", RUN)

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "accuracy 75.81 % 1.50 73.81 to 76.81 65.81 % 65.81 to 80.81" in lines
    assert "UAR 61.23 % 1.50 59.23 to 62.23 51.23 % 51.23 to 66.23" in lines
    assert "macro F1 - - - - -" in lines
    assert (
        "Coverage 88 answered, 4 refused, 0 unparsed, 0 failed of 92 samples (95.65 % answered);"
        " 2 answered outside the labels; 88 scored"
    ) in lines
    assert "Baselines accuracy: majority 25.00 %, random 12.50 %" in lines
    assert "Top k top 1 75.81 %, top 2 90.00 %, top 3 -" in lines
    assert "anger 90.00 % 80.00 % - 44" in lines
    assert "happy 3 40 1 2" in lines


def test_figures_stand_beside_those_of_published_systems(
    gerbench: Gerbench, canned: Canned
) -> None:
    references = [
        {
            "system": "IPD-[FER]",
            "kind": "supervised",
            "metric": "accuracy",
            "value": 0.8889,
            "delta": -0.1308,
        },
        {
            "system": "GPT-4V",
            "kind": "published",
            "metric": "macro_f1",
            "value": 0.5,
            "delta": None,
        },
    ]
    canned.on("GET", f"{HERE}/metrics", metrics(references=references))

    result = gerbench("runs", "metrics", RUN)

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "IPD-[FER] supervised accuracy 88.89 % -13.08" in lines
    assert "GPT-4V published macro F1 50.00 % -" in lines


def test_figures_without_published_systems_say_nothing_of_them() -> None:
    assert "Published" not in shown(show.metrics(metrics(references=[])))


def test_metrics_as_json_are_the_api_s_own(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", f"{HERE}/metrics", metrics())

    assert json.loads(gerbench("runs", "metrics", RUN, "--json").stdout) == metrics()


def test_a_run_without_one_answer_has_no_figures() -> None:
    body = metrics(
        headline={"metric": "uar", "value": None},
        samples=0,
        answered=0,
        top_k={},
        confusion={"labels": ["anger"], "columns": ["anger", "refused"], "counts": [[0, 0]]},
    )

    text = shown(show.metrics(body))

    assert "UAR -" in text
    assert "(- answered)" in text


def test_labels_are_no_markup() -> None:
    text = shown(show.metrics(metrics(("[red]", "[/]"))))

    assert "[red]" in text
    assert "[/]" in text


def test_seven_emotions_fit_a_terminal() -> None:
    text = shown(show.confusion(metrics(EMOTIONS)["confusion"]), width=80)

    assert max(map(len, text.splitlines())) <= 80
    assert text.count("40") == 7
    assert [line.split()[0] for line in text.splitlines()[2:]] == list(EMOTIONS)


def test_many_classes_are_numbered() -> None:
    labels = tuple(f"emotion number {n}" for n in range(1, 21))

    head, *rows = shown(show.confusion(metrics(labels)["confusion"]), width=200).splitlines()

    assert head.split()[:3] == ["1", "2", "3"]
    assert any(row.strip().startswith("20 emotion number 20") for row in rows)


def test_labels_that_begin_alike_are_numbered() -> None:
    labels = ("strongly positive", "strongly positively surprised")

    head, *rows = shown(show.confusion(metrics(labels)["confusion"])).splitlines()

    assert head.split() == ["1", "2", "other", "refused"]
    assert rows[-1].split()[:3] == ["2", "strongly", "positively"]


def test_several_runs_are_compared_line_by_line() -> None:
    text = shown(show.all_metrics([metrics(), metrics(model="other")]))

    assert [line.split()[0] for line in text.splitlines()[2:]] == ["gpt-4o", "other"]


def test_predictions_of_an_outcome(gerbench: Gerbench, canned: Canned) -> None:
    prediction = {
        "sample": {"id": 1, "name": "anger/1.png", "target": "anger"},
        "outcome": "answered",
        "label": "happy",
        "in_vocabulary": True,
        "ranked": ["happy", "anger"],
        "rank": 2,
        "slot": 0,
        "batch": 20,
        "request_id": 3,
        "attempt_id": 4,
    }
    canned.page(f"{HERE}/predictions", prediction)

    result = gerbench("runs", "predictions", RUN, "--outcome", "answered")

    assert canned.last("GET").query["outcome"] == "answered"
    cells = result.stdout.splitlines()[-1].split()
    assert cells == ["anger/1.png", "anger", "answered", "happy", "no", "happy,", "anger", "4"]


def test_the_tree_of_requests_tells_why_each_exists(gerbench: Gerbench, canned: Canned) -> None:
    canned.page(
        f"{HERE}/requests",
        request(1),
        request(2, state="split", refusals=1, reason="content_filter"),
        request(3),
        request(4, 2, cause="refusal", size=10),
        request(5, 2, cause="refusal", size=10, attempts=3, throttles=2),
    )

    result = gerbench("runs", "requests", RUN)

    assert result.stdout.splitlines() == [
        f"run {RUN}: 5 requests",
        "├── #2 planned, 20 samples: split  1 attempt (1 refusal)  content_filter",
        "│   ├── #4 refusal, 10 samples: done  1 attempt",
        "│   └── #5 refusal, 10 samples: done  3 attempts (2 throttles)",
        "└── 2 answered at once (--every lists them)",
    ]


def test_every_request_can_be_listed() -> None:
    text = shown(requests_tree(RUN, [request(1), request(2)], every=True))

    assert "#1" in text
    assert "#2" in text
    assert "at once" not in text


def test_requests_as_json_are_one_flat_array(gerbench: Gerbench, canned: Canned) -> None:
    canned.page(f"{HERE}/requests", request(1), request(2, 1))

    result = gerbench("runs", "requests", RUN, "--json")

    assert json.loads(result.stdout) == [request(1), request(2, 1)]


ATTEMPT = {
    "id": 7,
    "run_id": RUN,
    "request_id": 3,
    "number": 1,
    "credential": "env:KEY",
    "result": "server_error",
    "status": 502,
    "sent_at": "2026-11-22T22:00:00.123Z",
    "finished_at": None,
    "latency_s": 0.256,
    "prompt_tokens": None,
    "completion_tokens": None,
    "cost_usd": None,
    "reason": "bad gateway",
}


def test_attempts_are_listed(gerbench: Gerbench, canned: Canned) -> None:
    canned.page(f"{HERE}/attempts", ATTEMPT)

    cells = gerbench("runs", "attempts", RUN).stdout.splitlines()[-1].split()

    assert cells[:6] == ["7", "3", "1", "server_error", "502", "2026-11-22T22:00:00Z"]
    assert cells[6:] == ["0.26", "s", "-", "-", "-", "bad", "gateway"]


@pytest.mark.parametrize("headers", [None, {"content-type": "text/html"}])
def test_an_attempt_is_shown_verbatim_but_harmless(
    gerbench: Gerbench, canned: Canned, headers: dict[str, str] | None
) -> None:
    body = "<h1>502</h1>\n\x1b[31mred \udc80"
    sent = {"model": "fer", "messages": ["wütend [bold]"]}
    detail = {**ATTEMPT, "sent": sent, "headers": headers, "body": body}
    canned.on("GET", "/v1/attempts/7", detail)

    text = gerbench("runs", "attempt", "7").stdout
    as_json = gerbench("runs", "attempt", "7", "--json").stdout

    assert "wütend [bold]" in text
    assert "<h1>502</h1>\n\ufffd[31mred \ufffd\n" in text
    assert "Received: 502" in text
    assert json.loads(as_json) == detail


def test_what_scoring_again_would_change_is_told(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", f"{HERE}/rescore", rescored())

    result = gerbench("runs", "rescore", RUN)

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert canned.last("POST").json() == {"apply": False}
    assert "35 stored replies read again: 3 samples changed" in lines
    assert "unparsed to answered: 3" in lines
    assert "anger/7.png unparsed anger, sad" in lines
    assert "unparsed 3 0 -3" in lines
    assert "accuracy.value 50.00 % 52.50 % +2.50 %" in lines
    assert "per_class.sad.f1 - 50.00 % -" in lines
    assert "2 more samples: see --limit" in lines
    assert lines[-1] == "Nothing was written; --apply writes it"


def test_scoring_again_may_be_applied_with_a_note(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", f"{HERE}/rescore", rescored(applied=True), rescored(samples_changed=0))

    applied = gerbench("runs", "rescore", RUN, "--apply", "--note", "parser 2", "--limit", "1")
    as_json = gerbench("runs", "rescore", RUN, "--json")

    assert "Written as version 2" in applied.stdout
    assert json.loads(as_json.stdout) == rescored(samples_changed=0)
    bodies = [asked.json() for asked in canned.asked if asked.method == "POST"]
    assert bodies[0] == {"apply": True, "note": "parser 2", "limit": 1}


def test_a_run_that_is_read_alike_is_said_to_be(gerbench: Gerbench, canned: Canned) -> None:
    nothing: dict[str, list[str]] = {"outcomes_changed": [], "samples": [], "metrics": []}
    canned.on("POST", f"{HERE}/rescore", rescored(samples_changed=0, version=1, **nothing))

    assert "Nothing changes; version 1 holds" in gerbench("runs", "rescore", RUN).stdout


def test_the_scorings_of_a_run_are_listed(gerbench: Gerbench, canned: Canned) -> None:
    kept = {"version": 2, "scored_at": "2026-11-22T22:00:00.5Z", "parser": 1, "note": "why"}
    canned.page(f"{HERE}/scores", {**kept, "samples_changed": 3, "metrics": metrics()})

    result = gerbench("runs", "scores", RUN)

    assert "2 2026-11-22T22:00:00Z 1 3 75.81 % why" in " ".join(result.stdout.split())


def test_an_audit_says_what_was_submitted_and_what_to_do_then(
    gerbench: Gerbench, canned: Canned
) -> None:
    submitted = job("queued", progress=progress(samples=40))
    canned.on("POST", f"{HERE}/audit", submitted, status=202)

    said = gerbench("runs", "audit", RUN, "--samples", "40", "--seed", "3")
    as_json = gerbench("runs", "audit", RUN, "--idempotency-key", "k", "--json")

    assert "asks again about 40 samples of run 77aa0000, one a request" in said.stdout
    assert "gerbench jobs watch 1f3a9c00" in said.stdout
    assert "gerbench analyses position --run 77aa0000 --run" in said.stdout
    assert json.loads(as_json.stdout) == submitted
    bodies = [asked.json() for asked in canned.asked if asked.method == "POST"]
    assert bodies == [{"samples": 40, "seed": 3}, {}]
    assert canned.last("POST").headers["idempotency-key"] == "k"
