"""Models and templates: which body an option ends up in."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gerbench.cli.canned import Canned, problem
from tests.gerbench.cli.conftest import Gerbench

NEEDED = ("--name", "local", "--base-url", "http://127.0.0.1:9000/v1", "--model", "fer")
LEAST = {"name": "local", "base_url": "http://127.0.0.1:9000/v1", "model": "fer"}


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ((), {}),
        (
            ("--env", "A", "--env", "B", "--credential-file", "/run/key"),
            {"credentials": [{"env": "A"}, {"env": "B"}, {"file": "/run/key"}]},
        ),
        (
            ("--rpm", "600", "--tpm", "7", "--rpd", "8", "--concurrency", "9"),
            {"limits": {"rpm": 600, "tpm": 7, "rpd": 8, "concurrency": 9}},
        ),
        (
            ("--images-per-request", "10", "--body-mb", "2.5"),
            {"capabilities": {"images_per_request": 10, "body_mb": 2.5}},
        ),
        (
            ("--input-price", "2.5", "--output-price", "0"),
            {"prices": {"input_per_mtok": 2.5, "output_per_mtok": 0.0}},
        ),
        (("--wire", "anthropic-messages"), {"wire": "anthropic-messages"}),
        (
            ("--max-tokens", "10", "--timeout", "5", "--temperature", "0"),
            {"max_tokens": 10, "timeout_s": 5.0, "temperature": 0.0},
        ),
    ],
)
def test_options_become_the_body(
    gerbench: Gerbench, canned: Canned, options: tuple[str, ...], more: dict[str, Any]
) -> None:
    canned.on("POST", "/v1/models", LEAST, status=201)

    result = gerbench("models", "add", *NEEDED, *options)

    assert result.exit_code == 0, result.stderr
    assert "gerbench models check local" in result.stdout
    assert canned.last("POST").json() == LEAST | more


def test_a_preset_and_its_parameters_need_no_address(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/models", LEAST, status=201)
    parameters = ("--set", "resource=ours", "--set", "deployment=eu")

    result = gerbench(
        "models", "add", "--name", "m", "--model", "gpt-4o", "--preset", "azure", *parameters
    )

    assert result.exit_code == 0, result.stderr
    assert canned.last("POST").json() == {
        "name": "m",
        "model": "gpt-4o",
        "preset": "azure",
        "parameters": {"resource": "ours", "deployment": "eu"},
    }


def test_a_parameter_without_a_value_is_refused(gerbench: Gerbench) -> None:
    result = gerbench("models", "add", *NEEDED, "--preset", "azure", "--set", "resource")

    assert result.exit_code == 2
    assert "key=value" in result.stderr


def test_options_win_over_the_spec_field_by_field(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("POST", "/v1/models", LEAST, status=201)
    spec = json.dumps({**LEAST, "limits": {"rpm": 1, "concurrency": 2}})

    gerbench("models", "add", "--spec", "-", "--rpm", "5", input=spec)

    assert canned.last("POST").json() == {**LEAST, "limits": {"rpm": 5, "concurrency": 2}}


@pytest.mark.parametrize("missing", ["--name", "--base-url", "--model"])
def test_what_is_missing_is_told(gerbench: Gerbench, canned: Canned, missing: str) -> None:
    at = NEEDED.index(missing)

    result = gerbench("models", "add", *NEEDED[:at], *NEEDED[at + 2 :])

    assert result.exit_code == 2
    assert missing in result.stderr
    assert canned.asked == []


def test_a_change_sends_only_what_is_given(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("PATCH", "/v1/models/local", LEAST)

    result = gerbench("models", "change", "local", "--rpm", "300", "--json")

    assert json.loads(result.stdout) == LEAST
    assert canned.last("PATCH").json() == {"limits": {"rpm": 300}}


def test_a_change_may_clear_a_field(gerbench: Gerbench, canned: Canned, tmp_path: Path) -> None:
    canned.on("PATCH", "/v1/models/local", LEAST)
    (tmp_path / "changes.json").write_text('{"limits": {"rpm": null}, "prices": null}')

    gerbench("models", "change", "local", "--spec", str(tmp_path / "changes.json"))

    assert canned.last("PATCH").json() == {"limits": {"rpm": None}, "prices": None}


def test_a_change_of_nothing_is_wrong_usage(gerbench: Gerbench, canned: Canned) -> None:
    assert gerbench("models", "change", "local").exit_code == 2
    assert canned.asked == []


def test_a_model_shows_which_secrets_are_missing(gerbench: Gerbench, canned: Canned) -> None:
    refs = [
        {"env": "A", "file": None, "present": True},
        {"env": None, "file": "/run/key", "present": False},
    ]
    canned.on("GET", "/v1/models/local", {**LEAST, "credentials": refs})

    result = gerbench("models", "show", "local")

    assert "A, /run/key (unset)" in result.stdout


def test_a_model_is_removed(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("DELETE", "/v1/models/local", None, status=204)

    result = gerbench("models", "remove", "local")

    assert result.stdout == "local is no longer a model; its runs stay.\n"


def test_a_check_shows_what_came_back(gerbench: Gerbench, canned: Canned) -> None:
    good = {"credential": "env:A", "ok": True, "result": "answered", "status": 200}
    bad = {"credential": "env:B", "ok": False, "result": "unauthorized", "status": 401}
    rest = {"reason": None, "latency_s": 0.2, "cost_usd": None}
    checks = [good | rest, bad | rest]
    found = {"name": "local", "ok": False, "credentials": checks}
    canned.on("POST", "/v1/models/local/check", found)
    canned.on("POST", "/v1/models/good/check", {**found, "ok": True})

    result = gerbench("models", "check", "local")

    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.splitlines()[-2:]] == [
        ["env:A", "yes", "answered", "200", "0.20", "s", "-", "-"],
        ["env:B", "no", "unauthorized", "401", "0.20", "s", "-", "-"],
    ]
    assert gerbench("models", "check", "good").exit_code == 0


def test_a_check_that_fails_says_why(gerbench: Gerbench, canned: Canned) -> None:
    body = problem(422, "missing_credential", "OPENAI_API_KEY is not set; set it")
    canned.on("POST", "/v1/models/local/check", body, status=422)

    result = gerbench("models", "check", "local")

    assert (result.exit_code, result.stderr) == (1, "gerbench: OPENAI_API_KEY is not set; set it\n")


# Templates.

ID = "0f0f0f0f-0000-4000-8000-000000000009"


def template(version: int, modality: str = "image", name: str = "terse") -> dict[str, Any]:
    return {
        "id": ID,
        "task": "facial_emotion",
        "modality": modality,
        "name": name,
        "version": version,
        "text": f"Text {version} of {modality}",
        "created_at": "2026-11-22T22:00:00.5+00:00",
        "built_in": True,
    }


@pytest.mark.parametrize("as_file", [False, True])
def test_a_template_is_added_from_text_or_file(
    gerbench: Gerbench, canned: Canned, tmp_path: Path, as_file: bool
) -> None:
    canned.on("POST", "/v1/templates", template(2), status=201)
    (tmp_path / "text").write_text("Wie fühlt sich {count}?", "utf-8")
    source = (
        ("--file", str(tmp_path / "text")) if as_file else ("--text", "Wie fühlt sich {count}?")
    )
    kind = ("--name", "terse", "--task", "facial_emotion", "--modality", "image")

    result = gerbench("templates", "add", *kind, *source)

    assert result.stdout == "terse@2 asks for facial_emotion of image.\n"
    assert canned.last("POST").json() == {
        "name": "terse",
        "task": "facial_emotion",
        "modality": "image",
        "text": "Wie fühlt sich {count}?",
    }


@pytest.mark.parametrize("source", [(), ("--text", "x", "--file", "pyproject.toml")])
def test_a_template_has_one_text(gerbench: Gerbench, source: tuple[str, ...]) -> None:
    kind = ("--name", "terse", "--task", "facial_emotion", "--modality", "image")

    assert gerbench("templates", "add", *kind, *source).exit_code == 2


@pytest.mark.parametrize(
    ("reference", "texts"),
    [
        ("terse", ["Text 2 of image", "Text 1 of video"]),
        ("terse@1", ["Text 1 of image", "Text 1 of video"]),
        ("terse@2", ["Text 2 of image"]),
    ],
)
def test_a_template_is_found_by_name_and_version(
    gerbench: Gerbench, canned: Canned, reference: str, texts: list[str]
) -> None:
    canned.page("/v1/templates", template(1), template(2), template(1, "video"))

    result = gerbench("templates", "show", reference)

    assert [line for line in result.stdout.splitlines() if line.startswith("Text")] == texts
    assert canned.last("GET").query["name"] == "terse"


def test_a_template_is_found_by_id(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", f"/v1/templates/{ID}", template(1))

    result = gerbench("templates", "show", ID, "--json")

    assert json.loads(result.stdout) == [template(1)]


def test_a_template_that_is_not_there(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/templates", template(1))

    result = gerbench("templates", "show", "terse@7")

    assert result.exit_code == 1
    assert "no template 'terse@7'" in result.stderr
