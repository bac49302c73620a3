"""`gerbench doctor` on real installations: whole ones, and such as people really have."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from core import teams, workers
from core.db import Database, utc_now
from core.media.store import MediaStore
from core.tables import KeptAnswer
from core.vault import Vault
from gerbench.cli.main import app
from migrations import schema
from tests import rows
from tests.conftest import MakeDatabase

Found = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GERBENCH_")]:
        if not name.startswith("GERBENCH_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database of a data folder."""
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'gerbench.db'}"
    schema.upgrade(url)
    database = Database.at(url)
    with database.write.begin() as session:
        teams.ensure_default(session)
    yield database
    database.close()


def doctor(code: int) -> Found:
    """What the doctor finds, by part and what was looked at."""
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == code, result.output
    findings = json.loads(result.stdout)["findings"]
    return {(each["part"], each["what"]): each for each in findings}


def odd(found: Found) -> dict[tuple[str, str], str]:
    return {what: each["verdict"] for what, each in found.items() if each["verdict"] != "ok"}


def test_a_fresh_machine_is_well_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path / "none"))

    assert odd(doctor(0)) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_table_ends_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("GERBENCH_MEDIA_URI", "s3://b")

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == (
        "warning: settings: GERBENCH_MEDIA_URI: Unset it, or correct it:"
        " did you mean GERBENCH_MEDIA_URL?"
    )


def test_a_setting_that_cannot_be_read_is_told_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GERBENCH_ADMIN_KEY", "tooshort")

    found = doctor(1)

    assert odd(found) == {("settings", "GERBENCH_ADMIN_KEY"): "failed"}
    assert "tooshort" not in json.dumps(list(found.values()))


def test_an_embedded_service_at_work_is_well(embedded: Database, tmp_path: Path) -> None:
    MediaStore(f"file://{tmp_path}/media").put(b"a medium")
    with embedded.write.begin() as session:
        life = workers.Life("host:1:ab", utc_now(), utc_now(), 0)
        workers.note(session, life, now=utc_now())

    found = doctor(0)

    assert odd(found) == {}
    assert found["workers", "alive"]["says"] == "1: host:1:ab"
    assert found["media", "store"]["says"].endswith("a file was written, read and removed")
    with embedded.read() as session:
        assert session.scalar(select(func.count()).select_from(KeptAnswer)) == 0
    kept = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"a medium"]


def test_what_models_lack_is_told_with_the_models(
    embedded: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERE", "sk-1")
    mark, sealed = Vault("another key of enough length", None).seal("sk-2")
    refs = [{"env": "THERE"}, {"env": "NOT_THERE"}, {"stored": mark}]
    with embedded.write.begin() as session:
        made = rows.model(session, "vision", credentials=refs)
        made.sealed = {mark: sealed}

    found = doctor(1)

    assert found["models", "env:THERE"]["verdict"] == "ok"
    assert found["models", "env:NOT_THERE"]["verdict"] == "warning"
    assert "set NOT_THERE in the environment" in found["models", "env:NOT_THERE"]["remedy"]
    assert found["models", f"stored:{mark}"]["verdict"] == "failed"
    assert "vision" in found["models", f"stored:{mark}"]["says"]
    assert odd(found)["workers", "alive"] == "warning"


def test_secrets_that_others_may_read_and_replies_that_wait(
    embedded: Database, tmp_path: Path
) -> None:
    (tmp_path / "admin.key").write_text("gb_secret")
    (tmp_path / "admin.key").chmod(0o644)
    waiting = tmp_path / "spool" / "host.jsonl"
    waiting.parent.mkdir()
    waiting.write_text("{}")
    long_ago = (utc_now() - timedelta(hours=1)).timestamp()
    os.utime(waiting, (long_ago, long_ago))

    found = doctor(0)

    assert found["settings", str(tmp_path / "admin.key")]["verdict"] == "warning"
    assert found["workers", "spool"]["verdict"] == "warning"
    assert "gb_secret" not in json.dumps(list(found.values()))


def test_a_media_store_that_lost_its_mount_is_told(
    embedded: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERBENCH_MEDIA_URL", f"file://{tmp_path}/unmounted")

    found = doctor(1)

    assert found["media", "store"]["verdict"] == "failed"
    assert not (tmp_path / "unmounted").exists()


def test_a_distributed_installation_names_what_is_missing(
    make_postgres: MakeDatabase, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_postgres()
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("GERBENCH_DATABASE_URL", url)
    monkeypatch.setenv("GERBENCH_BROKER_URL", redis_url)

    stale = doctor(1)
    schema.upgrade(url)
    current = doctor(0)

    assert stale["database", "schema"]["verdict"] == "failed"
    assert "gerbench db upgrade" in stale["database", "schema"]["remedy"]
    assert ("database", "writable") not in stale
    for well in [
        ("database", "schema"),
        ("database", "writable"),
        ("clock", "of the database"),
        ("clock", "of the broker"),
        ("broker", "writable"),
        ("broker", "maxmemory-policy"),
    ]:
        assert current[well]["verdict"] == "ok"
    assert odd(current)["settings", "GERBENCH_MEDIA_URL"] == "warning"


def test_servers_that_do_not_answer_are_told_without_their_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERBENCH_DATA", str(tmp_path))
    monkeypatch.setenv(
        "GERBENCH_DATABASE_URL", f"postgresql+psycopg://u:hunter2@/x?host={tmp_path}"
    )
    monkeypatch.setenv("GERBENCH_BROKER_URL", "redis://:hunter2@127.0.0.1:1/0")

    found = doctor(1)

    assert found["database", "reachable"]["verdict"] == "failed"
    assert found["broker", "reachable"]["verdict"] == "failed"
    assert "hunter2" not in json.dumps(list(found.values()))
