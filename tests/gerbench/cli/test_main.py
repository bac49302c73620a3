"""The root of the command line: usage, failures, exit codes."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from core import __version__
from core.errors import Conflict
from gerbench.cli.front import Deferred, Front
from gerbench.cli.main import app
from gerbench.cli.output import Column, print_whole, rows
from tests.gerbench.cli.bodies import JOB, job
from tests.gerbench.cli.canned import KEY, Canned, problem
from tests.gerbench.cli.conftest import Gerbench

LISTS = [
    ("datasets", "list"),
    ("datasets", "samples", "faces"),
    ("models", "list"),
    ("templates", "list"),
    ("jobs", "list"),
    ("runs", "list"),
]


def test_the_version_is_told(gerbench: Gerbench) -> None:
    result = gerbench("--version")

    assert (result.exit_code, result.stdout) == (0, f"gerbench {__version__}\n")


def test_help_names_every_command(gerbench: Gerbench) -> None:
    result = gerbench("--help")

    assert result.exit_code == 0
    for command in (
        "datasets",
        "models",
        "templates",
        "jobs",
        "runs",
        "up",
        "endpoint",
        "draw",
        "db",
    ):
        assert command in result.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("jobs", "nonsense"),
        ("jobs", "list", "--nonsense"),
        ("jobs", "list", "--status", "nonsense"),
        ("jobs", "show"),
        ("runs", "attempt", "not-a-number"),
        ("runs", "predictions", "1", "--outcome", "nonsense"),
        ("datasets", "list", "--limit", "0"),
    ],
)
def test_wrong_usage_exits_with_2_and_asks_nothing(
    gerbench: Gerbench, canned: Canned, args: tuple[str, ...]
) -> None:
    result = gerbench(*args)

    assert result.exit_code == 2
    assert "Error" in result.stderr
    assert canned.asked == []


def test_without_a_service_the_way_to_start_one_is_told(
    gerbench: Gerbench, environment: dict[str, str | None]
) -> None:
    environment["GERBENCH_URL"] = None

    result = gerbench("jobs", "list")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "start one with `gerbench up --data" in result.stderr


def test_a_wrong_key_is_told(gerbench: Gerbench, environment: dict[str, str | None]) -> None:
    environment["GERBENCH_API_KEY"] = "gb_wrong"

    result = gerbench("jobs", "list")

    assert result.exit_code == 1
    assert result.stderr == (
        "gerbench: this API key is not valid (it came from GERBENCH_API_KEY)\n"
    )


def test_a_folder_named_by_a_flag_is_the_one_that_is_meant(
    gerbench: Gerbench, canned: Canned, tmp_path: Path
) -> None:
    (tmp_path / "service.json").write_text(json.dumps({"url": canned.url, "pid": 1}))
    (tmp_path / "admin.key").write_text("gb_other")

    result = gerbench("jobs", "list", "--data", str(tmp_path))

    assert result.exit_code == 1
    assert canned.last("GET").headers["authorization"] == "Bearer gb_other"


def test_what_is_not_there_is_told_in_the_words_of_the_api(gerbench: Gerbench) -> None:
    result = gerbench("models", "show", "nobody")

    assert result.exit_code == 1
    assert result.stderr == "gerbench: there is nothing at /v1/models/nobody\n"


def test_a_failure_prints_no_json(gerbench: Gerbench) -> None:
    for args in LISTS:
        result = gerbench(*args, "--json")

        assert (result.exit_code, result.stdout) == (1, "")


def test_what_a_terminal_would_obey_is_not_passed_on(gerbench: Gerbench, canned: Canned) -> None:
    canned.on(
        "GET", "/v1/models/x", problem(409, "conflict", "\x1b]0;owned\x07 [bold]"), status=409
    )

    result = gerbench("models", "show", "x")

    assert result.stderr == "gerbench: \ufffd]0;owned\ufffd [bold]\n"


@pytest.mark.parametrize("args", LISTS)
def test_an_empty_list_is_an_empty_array_or_a_sentence(
    gerbench: Gerbench, canned: Canned, args: tuple[str, ...]
) -> None:
    for place in ("datasets", "datasets/faces/samples", "models", "templates", "jobs", "runs"):
        canned.page(f"/v1/{place}")

    assert json.loads(gerbench(*args, "--json").stdout) == []
    assert gerbench(*args).stdout.startswith("No ")


def test_a_list_says_on_a_screen_that_there_is_more(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/models", *({"name": f"model-{n}"} for n in range(3)))

    result = gerbench("models", "list", "--limit", "2")

    assert "model-1" in result.stdout
    assert "model-2" not in result.stdout
    assert "There are more" in result.stderr
    assert canned.last("GET").query["limit"] == "3"


def test_json_holds_as_many_as_are_asked_for_and_no_remark(
    gerbench: Gerbench, canned: Canned
) -> None:
    canned.page("/v1/models", *({"name": f"model-{n}"} for n in range(3)))

    result = gerbench("models", "list", "--limit", "2", "--json")

    assert json.loads(result.stdout) == [{"name": "model-0"}, {"name": "model-1"}]
    assert result.stderr == ""


def test_lists_in_a_pipe_keep_each_item_on_a_line(gerbench: Gerbench, canned: Canned) -> None:
    text = "a very long reason " * 30
    canned.page("/v1/jobs", job("failed", reason=text))

    result = gerbench("jobs", "list")

    assert len([line for line in result.stdout.splitlines() if JOB[:8] in line]) == 1
    assert text.strip() in result.stdout


def test_a_table_that_is_too_wide_for_a_screen_loses_no_column() -> None:
    screen = io.StringIO()
    columns = tuple(Column(f"column {n}", "x") for n in range(20))

    print_whole(Console(file=screen, width=80), rows([{"x": "value"}], columns))

    assert screen.getvalue().count("value") == 20
    assert "column 19" in screen.getvalue()


# A command that is imported when it is called.


@pytest.fixture
def lazily(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """An application with a deferred command and a deferred group of commands."""
    module = ModuleType("gerbench_test_commands")

    def late(size: int = 1) -> None:
        """Run late."""
        if size > 1:
            raise Conflict("too large")
        typer.echo(f"late {size}")

    group = typer.Typer()
    group.command("one")(lambda: typer.echo("one"))
    group.command("two")(lambda: typer.echo("two"))
    vars(module).update(late=late, group=group)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class Root(Front):
        deferred = (
            Deferred("late", module.__name__, "Comes late."),
            Deferred("group", module.__name__, "Comes late too."),
            Deferred("never", "gerbench.no_such_module", "Is not asked for."),
        )

    app = typer.Typer(cls=Root)
    app.callback()(lambda: None)
    return app


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["late"], "late 1\n"),
        (["late", "--size", "0"], "late 0\n"),
        (["group", "two"], "two\n"),
    ],
)
def test_a_deferred_command_runs_as_any_other(
    lazily: typer.Typer, args: list[str], output: str
) -> None:
    result = CliRunner().invoke(lazily, args)

    assert (result.exit_code, result.stdout) == (0, output)


def test_help_imports_no_deferred_command(lazily: typer.Typer) -> None:
    result = CliRunner().invoke(lazily, ["--help"])

    assert result.exit_code == 0
    assert "Is not asked for." in result.stdout


def test_a_deferred_command_has_its_own_help_and_failures(lazily: typer.Typer) -> None:
    help_of_one = CliRunner().invoke(lazily, ["late", "--help"])
    refused = CliRunner().invoke(lazily, ["late", "--size", "2"])

    assert "Run late." in help_of_one.stdout
    assert "--size" in help_of_one.stdout
    assert (refused.exit_code, refused.stderr) == (1, "gerbench: too large\n")


# The process itself.


@pytest.fixture
def process_environment(canned: Canned) -> dict[str, str]:
    return {**os.environ, "GERBENCH_URL": canned.url, "GERBENCH_API_KEY": KEY}


def start(environment: dict[str, str], *args: str, stdout: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gerbench", *args],
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_reader_that_went_away_is_no_error(
    canned: Canned, process_environment: dict[str, str]
) -> None:
    canned.page("/v1/models", *({"name": "x" * 1000} for _ in range(200)))
    reading, writing = os.pipe()
    os.close(reading)

    with start(process_environment, "models", "list", "--json", stdout=writing) as process:
        os.close(writing)
        _, errors = process.communicate(timeout=60)

    assert errors == ""
    assert process.returncode == 1


@pytest.mark.slow
def test_ctrl_c_stops_watching_and_the_job_goes_on(
    canned: Canned, process_environment: dict[str, str]
) -> None:
    canned.on("GET", f"/v1/jobs/{JOB}", job())

    with start(
        process_environment, "jobs", "watch", JOB, "--interval", "0.05", stdout=subprocess.PIPE
    ) as process:
        canned.wait_for(2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert output.startswith("running 0/700")
    assert "goes on" in errors
    assert f"gerbench jobs cancel {JOB[:8]}" in errors
    assert "Traceback" not in errors


def test_every_command_has_a_help_with_json(gerbench: Gerbench) -> None:
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            result = gerbench(str(group.name), str(command.name), "--help")

            assert result.exit_code == 0
            # What an export prints is the file itself; --format says which.
            wanted = "--format" if command.name == "export" else "--json"
            assert wanted in result.stdout, (group.name, command.name)
