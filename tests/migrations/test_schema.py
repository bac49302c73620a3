from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import inspect, text

from core.db import Base, Database
from core.errors import StaleSchema
from migrations import schema


def described(url: str) -> dict[str, Any]:
    """All that a database says of its tables, CHECKs and partial indexes included."""
    database = Database.at(url)
    inspector = inspect(database.engine)
    tables = {}
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        parts: dict[str, list[Any]] = {
            "columns": [{**c, "type": repr(c["type"])} for c in inspector.get_columns(table)],
            "checks": [*inspector.get_check_constraints(table)],
            "indexes": [
                {**i, "dialect_options": {k: str(v) for k, v in i["dialect_options"].items()}}
                for i in inspector.get_indexes(table)
            ],
            "foreign_keys": [*inspector.get_foreign_keys(table)],
            "uniques": [*inspector.get_unique_constraints(table)],
            "primary_key": [inspector.get_pk_constraint(table)],
        }
        tables[table] = {name: sorted(map(repr, part)) for name, part in parts.items()}
    database.close()
    return tables


def execute(url: str, statement: str) -> None:
    with closing(Database.at(url)) as database, database.write.begin() as session:
        session.execute(text(statement))


def test_migrated_database_is_the_one_that_the_tables_describe(
    blank_database_url: str, database_url: str
) -> None:
    schema.upgrade(blank_database_url)

    migrated = described(blank_database_url)
    assert set(migrated) == set(Base.metadata.tables)
    assert migrated == described(database_url)


def test_upgraded_database_passes_the_check(blank_database_url: str) -> None:
    schema.upgrade(blank_database_url)

    schema.check(blank_database_url)

    assert schema.current(blank_database_url) == schema.head()


def test_every_revision_can_be_undone_and_done_again(blank_database_url: str) -> None:
    schema.upgrade(blank_database_url)
    there = described(blank_database_url)

    schema.downgrade(blank_database_url, "base")
    assert described(blank_database_url) == {}
    assert schema.current(blank_database_url) is None

    schema.upgrade(blank_database_url)
    assert described(blank_database_url) == there


def test_upgrade_of_an_upgraded_database_changes_nothing(blank_database_url: str) -> None:
    schema.upgrade(blank_database_url)
    there = described(blank_database_url)

    schema.upgrade(blank_database_url)

    assert described(blank_database_url) == there


def test_upgrades_at_once_go_one_after_the_other(blank_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        starts = [pool.submit(schema.upgrade, blank_database_url) for _ in range(4)]

    assert [start.exception() for start in starts] == [None] * 4
    schema.check(blank_database_url)


def test_database_without_tables_is_stale(blank_database_url: str) -> None:
    assert schema.current(blank_database_url) is None

    with pytest.raises(StaleSchema, match="gerbench db upgrade") as caught:
        schema.check(blank_database_url)

    assert caught.value.details == {"current": None, "head": schema.head()}


def test_column_that_the_code_does_not_know_is_drift(blank_database_url: str) -> None:
    schema.upgrade(blank_database_url)
    execute(blank_database_url, "ALTER TABLE jobs ADD COLUMN surprise INTEGER")

    with pytest.raises(StaleSchema, match="surprise"):
        schema.check(blank_database_url)


def test_failed_upgrade_leaves_nothing_behind(blank_database_url: str) -> None:
    execute(blank_database_url, "CREATE TABLE scores (id INTEGER)")

    with pytest.raises(Exception, match="scores"):
        schema.upgrade(blank_database_url)

    assert set(described(blank_database_url)) == {"scores"}
    assert schema.current(blank_database_url) is None


def test_asking_for_the_revision_of_a_missing_file_does_not_make_it(tmp_path: Any) -> None:
    assert schema.current(f"sqlite:///{tmp_path / 'none.db'}") is None

    assert list(tmp_path.iterdir()) == []


def test_upgrade_makes_the_folder_of_a_sqlite_file(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / '50% new' / 'gerbench.db'}"

    schema.upgrade(url)

    schema.check(url)
