"""Bring a database's schema up to date, and tell whether it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import autogenerate, command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, make_url, text

import core.tables  # noqa: F401 - fills Base.metadata
from core.db import Base, UtcDateTime, create_db_engine
from core.errors import StaleSchema

VERSIONS = (Path(__file__).parent / "versions",)
"""The folders that the revisions are in."""
ONE_AT_A_TIME = 0x6E5B3C
"""Key of the PostgreSQL advisory lock that an upgrade holds."""
LOCK_TIMEOUT = "5s"
"""An upgrade gives up rather than make every other session queue behind it."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database up to a revision, all of the way or not at all.

    Raises StaleSchema for one that is newer than this code.
    """
    refuse_newer(current(url))
    with migrating(url) as connection:
        command.upgrade(config_of(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take a database back to a revision, all of the way or not at all."""
    with migrating(url) as connection:
        command.downgrade(config_of(connection), revision)


def head() -> str:
    """Return the revision that this code needs."""
    revision = ScriptDirectory.from_config(config_of()).get_current_head()
    if revision is None:
        raise StaleSchema("the code has no revision: reinstall gerbench")
    return revision


def knows(revision: str) -> bool:
    """Tell whether this code has a revision: it knows none that is newer than itself."""
    try:
        return ScriptDirectory.from_config(config_of()).get_revision(revision) is not None
    except CommandError:
        return False


def refuse_newer(revision: str | None) -> None:
    """Raise StaleSchema for the revision of a database that is newer than this code."""
    if revision is not None and not knows(revision):
        raise StaleSchema(
            f"the database is at revision {revision}, which this version does not know (it needs"
            f" {head()}): it was upgraded by a newer gerbench. Install that version, or restore a"
            " backup from before its upgrade",
            current=revision,
            head=head(),
        )


def current(url: str) -> str | None:
    """Return the revision of a database; None if it has no tables yet, or does not exist."""
    file = _file(url)
    if file is not None and not file.exists():
        return None
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(url: str) -> None:
    """Raise `StaleSchema` unless a database is at the head and has the tables of this code."""
    at, needed = current(url), head()
    refuse_newer(at)
    if at != needed:
        raise StaleSchema(
            f"the database is at revision {at or 'none'}, this code needs {needed}:"
            " run `gerbench db upgrade`",
            current=at,
            head=needed,
        )
    with _connected(url) as connection:
        context = MigrationContext.configure(connection, opts=options())
        differences = autogenerate.compare_metadata(context, Base.metadata)
    if differences:
        listed = "; ".join(map(repr, differences))
        raise StaleSchema(
            "the database has other tables than this code, as code between two releases leaves"
            " behind: use another data folder or database, or the code that made it."
            f" They differ in: {listed}"
        )


def options() -> dict[str, Any]:
    """Return the options of Alembic that hold for every database."""
    return {
        "target_metadata": Base.metadata,
        # SQLite changes a table by copying it; on PostgreSQL the same operations alter it.
        "render_as_batch": True,
        # Our engine begins transactions on SQLite itself, so they hold the DDL too.
        "transactional_ddl": True,
        "render_item": _render,
    }


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """Open the one transaction of an upgrade or a downgrade.

    Two upgrades at once go one after the other; the second then finds nothing to do. On SQLite
    foreign keys are off meanwhile, since copying a table drops it, and dropping cascades.
    """
    if file := _file(url):
        file.parent.mkdir(parents=True, exist_ok=True)
    with _connected(url) as opened:
        connection = opened.execution_options(writes=True)
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # Past SQLAlchemy: the pragma has no effect once a transaction has begun.
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            if not sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            yield connection
            if sqlite and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
                raise StaleSchema(f"the change would leave {len(broken)} rows without their parent")


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_db_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def config_of(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, to work on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    folders = os.pathsep.join(map(str, VERSIONS))
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _render(kind: str, item: Any, _: Any) -> str | bool:
    """Write our types as plain ones, so that an old revision does not depend on today's code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False
