import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.settings import get_settings
from gerbench.cli.main import app
from migrations import schema

run = CliRunner()


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("GERBENCH_DATABASE_URL", raising=False)
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def test_upgrade_says_from_where_to_where() -> None:
    first = run.invoke(app, ["db", "upgrade"])
    second = run.invoke(app, ["db", "upgrade"])

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == f"upgraded from nothing to revision {schema.head()}\n"
    assert second.stdout == f"up to date at revision {schema.head()}\n"


def test_check_of_a_database_without_tables_says_what_to_do() -> None:
    result = run.invoke(app, ["db", "check"])

    assert result.exit_code == 1
    assert "run `gerbench db upgrade`" in result.stderr


def test_check_of_an_upgraded_database_passes() -> None:
    run.invoke(app, ["db", "upgrade"])

    assert run.invoke(app, ["db", "check"]).exit_code == 0


def test_current_as_json_names_both_revisions() -> None:
    result = run.invoke(app, ["db", "current", "--json"])

    assert json.loads(result.stdout) == {"current": None, "head": schema.head()}


def test_current_of_a_database_without_tables_is_none() -> None:
    assert run.invoke(app, ["db", "current"]).stdout == "none\n"


def test_database_that_does_not_answer_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "postgresql+psycopg://user:hunter2@/none"
    monkeypatch.setenv("GERBENCH_DATABASE_URL", f"{secret}?host={tmp_path}")
    get_settings.cache_clear()

    result = run.invoke(app, ["db", "upgrade"])

    assert result.exit_code == 1
    assert "the database does not answer" in result.stderr
    assert "hunter2" not in result.output


def test_a_backup_and_its_way_back_say_what_they_did_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.invoke(app, ["db", "upgrade"])
    monkeypatch.chdir(tmp_path)

    made = run.invoke(app, ["db", "backup", "--json"])
    path = json.loads(made.stdout)["path"]
    again = run.invoke(app, ["db", "restore", path])
    other = run.invoke(app, ["db", "restore", path, "--data", str(tmp_path / "other")])

    assert path.startswith("gerbench-backup-2")
    assert (made.exit_code, again.exit_code, other.exit_code) == (0, 1, 0)
    assert "--replace" in again.stderr
    assert other.stdout.startswith(f"restored from {path}: sqlite, revision {schema.head()}, 1 row")
    assert f"media: they were not in it; have them in file://{tmp_path}/other/media" in other.stdout
