"""Two versions onward with data in place: what every upgrade to come has to do, on both databases.

There is one revision yet, so two more are made here, as releases would: they copy, rename and
fill, and end with the tables of this code, so that all that checks a schema can look at them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from typer.testing import CliRunner, Result

from core import teams
from core.db import Database
from core.errors import StaleSchema
from core.settings import Settings, get_settings
from gerbench.cli.main import app
from gerbench.service import Service
from migrations import schema
from tests import rows
from tests.migrations.test_schema import described, execute

SECOND = '''"""Runs waste, and have remarks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "remarks",
        sa.Column("run_id", sa.Uuid(), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("words", sa.Text(), nullable=False),
    )
    op.execute("INSERT INTO remarks SELECT id, 'repeat ' || repeat FROM runs")
    with op.batch_alter_table("runs") as batch:
        batch.alter_column("lost_nano", new_column_name="wasted_nano")
    with op.batch_alter_table("attempts") as batch:
        batch.add_column(sa.Column("seen", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute("UPDATE jobs SET priority = priority + 5")


def downgrade() -> None:
    raise NotImplementedError
'''
THIRD = '''"""As it was, but for what was counted."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("UPDATE runs SET reason = (SELECT words FROM remarks WHERE run_id = runs.id)")
    op.drop_table("remarks")
    with op.batch_alter_table("runs") as batch:
        batch.alter_column("wasted_nano", new_column_name="lost_nano")
    with op.batch_alter_table("attempts") as batch:
        batch.drop_column("seen"){failure}


def downgrade() -> None:
    raise NotImplementedError
'''
FAILS = '\n    op.execute("INSERT INTO nowhere VALUES (1)")'

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def filled(
    blank_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """A database of the first revision, with a job that is done and one that is not."""
    schema.upgrade(blank_database_url, "0001")
    database = Database.at(blank_database_url)
    with database.write.begin() as session:
        teams.ensure_default(session)
        model, template = rows.model(session), rows.template(session)
        job = rows.job(session, rows.dataset(session, 6), model, template)
        run = rows.finished(session, job, ["anger", None, "sadness"])
        rows.attempt(session, run, body=b"\x00raw", status=200, headers={"a": "b"}, cost_nano=7)
    database.close()
    monkeypatch.setenv("GERBENCH_DATABASE_URL", blank_database_url)
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield blank_database_url
    get_settings.cache_clear()


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A later release: the folder of the revisions that it adds."""
    folder = tmp_path / "later"
    folder.mkdir()
    (folder / "0002_runs_waste.py").write_text(SECOND)
    (folder / "0003_as_it_was.py").write_text(THIRD.format(failure=""))
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, folder))
    return folder


def contents(url: str) -> Rows:
    """Every row of every table, in a fixed order."""
    database = Database.at(url)
    with database.engine.connect() as connection:
        found: Rows = {}
        for name in inspect(connection).get_table_names():
            result = connection.execute(text(f'SELECT * FROM "{name}"'))  # noqa: S608 - a table's own name
            found[name] = sorted((dict(row._mapping) for row in result), key=repr)
    database.close()
    return found


def db(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["db", *map(str, arguments)])


def test_two_versions_are_taken_at_once_with_all_data_and_all_constraints(
    filled: str, release: Path
) -> None:
    before, there = contents(filled), described(filled)

    result = db("upgrade")

    assert result.exit_code == 0, result.output
    assert "upgraded from 0001 to revision 0003" in result.stdout
    # CHECKs, partial indexes and foreign keys too: SQLite copied these tables.
    assert described(filled) == there
    after = contents(filled)
    for job in before["jobs"]:
        job["priority"] += 5
    for run in before["runs"]:
        run["reason"] = f"repeat {run['repeat']}"
    before["alembic_version"] = [{"version_num": "0003"}]
    assert {name: sorted(map(repr, found)) for name, found in after.items()} == {
        name: sorted(map(repr, found)) for name, found in before.items()
    }
    assert db("check").exit_code == 0
    # The constraints are in force, not only told of.
    with pytest.raises(Exception, match="outcomes_within_samples"):
        execute(filled, "UPDATE runs SET answered = samples + 1")


def test_an_upgrade_that_fails_on_its_second_step_leaves_the_first_version_whole(
    filled: str, release: Path
) -> None:
    (release / "0003_as_it_was.py").write_text(THIRD.format(failure=FAILS))
    before, there = contents(filled), described(filled)

    assert db("upgrade").exit_code == 1

    assert (contents(filled), described(filled)) == (before, there)
    assert schema.current(filled) == "0001"


def test_nothing_starts_on_an_older_schema_and_the_way_on_is_told(
    filled: str, release: Path, tmp_path: Path
) -> None:
    settings = Settings()

    with pytest.raises(StaleSchema, match=r"at revision 0001, this code needs 0003.*db upgrade"):
        Service(settings, host="127.0.0.1", port=0, worker=False)
    assert contents(filled)["alembic_version"] == [{"version_num": "0001"}]
    assert db("check").exit_code == 1

    schema.upgrade(filled)
    assert db("check").exit_code == 0


def test_an_older_version_on_a_newer_schema_says_so_and_changes_nothing(
    filled: str, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.upgrade(filled)
    there = contents(filled)
    monkeypatch.setattr(schema, "VERSIONS", schema.VERSIONS[:1])

    for command in ("upgrade", "check"):
        result = db(command)
        assert result.exit_code == 1
        assert "revision 0003, which this version does not know" in result.stderr
    assert contents(filled) == there


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_upgrade_of_data_tells_of_a_backup_or_makes_one(
    filled: str, release: Path, tmp_path: Path
) -> None:
    made = db("upgrade", "--backup", tmp_path / "before")

    assert made.exit_code == 0, made.output
    assert (tmp_path / "before" / "manifest.json").exists()
    assert f"restore {tmp_path / 'before'}" in made.stderr
    back = db("restore", "--replace", tmp_path / "before")
    assert "next: `gerbench db upgrade` to revision 0003" in back.stdout
    hinted = db("upgrade")
    assert "gerbench db upgrade --backup" in hinted.stderr
    assert schema.current(filled) == "0003"
