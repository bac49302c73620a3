"""The doctor's look at the database and the disks."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.db import Database, utc_now, words_of
from core.errors import StaleSchema
from core.rules import checkups
from core.rules.checkups import DATABASE
from core.rules.findings import Finding
from core.settings import Settings
from core.tables import KeptAnswer
from migrations import schema


def look(settings: Settings, reached: list[Database], opened: ExitStack) -> Iterator[Finding]:
    """Judge the database; one that can be worked with is put into `reached`, for other parts."""
    yield _disk(settings.data)
    try:
        file = _sqlite_file(settings.database)
        if file is not None and not file.exists():
            yield DATABASE.ok("reachable", f"{file} is made at the first start")
            return
        database = Database.at(settings.database)
        opened.callback(database.close)
        with database.engine.connect() as connection:
            yield DATABASE.ok("reachable", _version(connection))
            if connection.dialect.name == "postgresql":
                yield from _server(connection)
    except (ArgumentError, NoSuchModuleError) as error:
        yield DATABASE.failed(
            "GERBENCH_DATABASE_URL",
            f"is no URL of a database: {type(error).__name__}",
            "Write it as postgresql+psycopg://USER@HOST/NAME, the password in PGPASSWORD.",
        )
        return
    except SQLAlchemyError as error:
        yield DATABASE.failed(
            "reachable",
            f"does not answer: {words_of(error)}",
            "See that it runs where GERBENCH_DATABASE_URL says, and lets this machine in.",
        )
        return
    current = _schema(settings.database)
    yield current
    if current.remedy is None:
        yield _writable(database)
        reached.append(database)


def _disk(folder: Path) -> Finding:
    """Judge the disk of the data folder, or of the nearest folder above that there is."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return checkups.disk(checkups.SETTINGS, "disk of the data folder", usage.free, usage.total)


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _version(connection: Connection) -> str:
    """Return what database this is."""
    numbers = connection.dialect.server_version_info or ()
    return f"{connection.dialect.name} {'.'.join(map(str, numbers))}"


def _server(connection: Connection) -> Iterator[Finding]:
    """Judge a PostgreSQL server: its clock, and the connections it has left."""
    before = utc_now()
    told: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    half = before + (utc_now() - before) / 2
    yield checkups.clock("of the database", (told - half).total_seconds())
    used, most = connection.execute(
        text(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " current_setting('max_connections')::int"
        )
    ).one()
    yield checkups.connections(used, most)


def _schema(url: str) -> Finding:
    """Judge the revision of the tables."""
    try:
        schema.check(url)
    except StaleSchema as stale:
        return DATABASE.failed(
            "schema", str(stale), "Back up (`gerbench db backup`), then run `gerbench db upgrade`."
        )
    return DATABASE.ok("schema", f"revision {schema.head()}, the one of this version")


def _writable(database: Database) -> Finding:
    """Write a row and take it back."""
    began = time.monotonic()
    row = KeptAnswer(
        key=secrets.token_hex(32), analysis="doctor", made_at=utc_now(), size=0, body=b""
    )
    try:
        with database.write() as session:
            _written(session, row)
    except SQLAlchemyError as error:
        return DATABASE.failed(
            "writable",
            f"takes no writes: {words_of(error)}",
            "See that its disk has room, that it is no replica, and what its user may do.",
        )
    return DATABASE.ok("writable", f"took a row in {(time.monotonic() - began) * 1000:.0f} ms")


def _written(session: Session, row: KeptAnswer) -> None:
    session.add(row)
    session.flush()
    session.rollback()
