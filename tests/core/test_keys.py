"""Keys are made, recognised, and never stored."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from core import keys
from core.db import Database
from core.errors import Unauthorized
from core.keys import KeyDraft
from core.tables import ApiKey
from core.vocabulary import Role

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_key_is_recognised_and_only_its_digest_is_stored(database: Database) -> None:
    with database.write.begin() as session:
        made, secret = keys.create(session, KeyDraft("ada", Role.MEMBER), now=NOW)

    with database.read() as session:
        assert keys.find(session, keys.digest(secret), now=NOW).id == made.id
        row = session.scalars(select(ApiKey)).one()
    assert secret.startswith("gb_")
    assert len(secret) == 46
    assert (row.name, row.hash) == ("ada", sha256(secret.encode()).hexdigest())


@pytest.mark.parametrize("secret", ["", "gb_", "gb_" + "A" * 43, "\ud800", "é\x00"])
def test_anything_else_is_not_a_key(database: Database, secret: str) -> None:
    with database.read() as session, pytest.raises(Unauthorized):
        keys.find(session, keys.digest(secret), now=NOW)


def test_a_revoked_key_stays_revoked_when_it_is_registered_again(database: Database) -> None:
    with database.write.begin() as session:
        key, secret = keys.create(session, KeyDraft("ada", Role.MEMBER), now=NOW)
        key.revoked_at = NOW
        keys.register(session, "ada", secret, now=NOW)

    with database.read() as session, pytest.raises(Unauthorized):
        keys.find(session, keys.digest(secret), now=NOW)


def test_the_first_start_writes_a_key_that_only_its_owner_can_read(
    sqlite_database: Database, tmp_path: Path
) -> None:
    path = keys.ensure_admin_key(sqlite_database, tmp_path / "new", now=NOW)

    assert path == tmp_path / "new" / "admin.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["admin.key"]
    with sqlite_database.read() as session:
        assert keys.find(session, keys.digest(path.read_text().strip()), now=NOW).name == "admin"


def test_the_next_start_keeps_the_key(sqlite_database: Database, tmp_path: Path) -> None:
    first = keys.ensure_admin_key(sqlite_database, tmp_path, now=NOW).read_text()

    assert keys.ensure_admin_key(sqlite_database, tmp_path, now=NOW).read_text() == first
    assert count(sqlite_database) == 1


def test_a_key_file_that_the_database_does_not_know_is_registered(
    sqlite_database: Database, tmp_path: Path
) -> None:
    (tmp_path / "admin.key").write_text("gb_kept-from-another-database\n")

    keys.ensure_admin_key(sqlite_database, tmp_path, now=NOW)

    with sqlite_database.read() as session:
        assert (
            keys.find(session, keys.digest("gb_kept-from-another-database"), now=NOW).name
            == "admin"
        )


def test_a_lost_or_empty_key_file_is_made_anew(sqlite_database: Database, tmp_path: Path) -> None:
    path = keys.ensure_admin_key(sqlite_database, tmp_path, now=NOW)
    first = path.read_text()
    path.unlink()
    second = keys.ensure_admin_key(sqlite_database, tmp_path, now=NOW).read_text()
    path.write_text("\n")
    third = keys.ensure_admin_key(sqlite_database, tmp_path, now=NOW).read_text()

    assert len({first, second, third}) == 3
    assert count(sqlite_database) == 3


def count(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(ApiKey)).all())
