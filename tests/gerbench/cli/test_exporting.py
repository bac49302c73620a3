"""Exports into files and pipes."""

from pathlib import Path

import pytest

from tests.gerbench.cli.bodies import JOB, RUN, job, run
from tests.gerbench.cli.canned import Canned, problem
from tests.gerbench.cli.conftest import Gerbench

HERE = f"/v1/runs/{RUN}/export"


def test_a_run_goes_to_standard_output_as_csv(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", HERE, b"run_id,label\r\n1,anger\r\n")

    result = gerbench("runs", "export", RUN)

    assert result.stdout_bytes == b"run_id,label\r\n1,anger\r\n"
    assert canned.last("GET").query == {"format": "csv"}


@pytest.mark.parametrize(
    ("named", "form"),
    [
        (["run.parquet"], "parquet"),
        (["run.jsonl"], "jsonl"),
        (["run.csv"], "csv"),
        (["run.txt"], "csv"),
        (["run"], "csv"),
        (["run.csv", "--format", "jsonl"], "jsonl"),
    ],
)
def test_the_format_is_as_the_file_ends_unless_it_is_named(
    gerbench: Gerbench, canned: Canned, tmp_path: Path, named: list[str], form: str
) -> None:
    name, *options = named
    canned.on("GET", HERE, b"\x00PAR1")

    result = gerbench("runs", "export", RUN, "--output", str(tmp_path / name), *options)

    assert result.exit_code == 0
    assert (tmp_path / name).read_bytes() == b"\x00PAR1"
    assert canned.last("GET").query == {"format": form}


def test_a_job_is_found_by_its_first_characters(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/jobs", job())
    canned.on("GET", f"/v1/jobs/{JOB}/export", b"{}\n")

    result = gerbench("jobs", "export", "1f3a", "--format", "jsonl")

    assert result.stdout == "{}\n"


def test_attempts_are_exported_raw(gerbench: Gerbench, canned: Canned) -> None:
    canned.page("/v1/runs", run())
    canned.on("GET", f"/v1/runs/{RUN}/attempts/export", b'{"id": 1}\n')

    result = gerbench("runs", "export", "77", "--attempts")

    assert result.stdout == '{"id": 1}\n'
    assert canned.last("GET").query == {"format": "jsonl"}


def test_attempts_have_one_format(gerbench: Gerbench) -> None:
    result = gerbench("runs", "export", RUN, "--attempts", "--format", "csv")

    assert result.exit_code == 2
    assert "--attempts come as jsonl" in result.stderr


def test_an_export_that_fails_leaves_the_file_as_it_was(
    gerbench: Gerbench, canned: Canned, tmp_path: Path
) -> None:
    canned.on("GET", HERE, problem(404, "not_found", "no run"), status=404)
    file = tmp_path / "run.csv"
    file.write_text("before")

    result = gerbench("runs", "export", RUN, "--output", str(file))

    assert result.exit_code == 1
    assert "no run" in result.stderr
    assert file.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["run.csv"]


def test_a_file_that_cannot_be_written_is_told(
    gerbench: Gerbench, canned: Canned, tmp_path: Path
) -> None:
    canned.on("GET", HERE, b"run_id\r\n")

    result = gerbench("runs", "export", RUN, "--output", str(tmp_path / "no" / "run.csv"))

    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr
