"""A backup: one folder with the database as of one moment, perhaps the media, and a manifest."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from core import __version__
from core.db import create_db_engine
from core.errors import Conflict
from core.media.refs import from_json
from core.media.store import MediaStore
from core.settings import Settings
from gerbench.backups import manifest, postgres, sqlite
from gerbench.backups.manifest import Manifest, Media

BATCH = 2000
"""Samples whose media are looked up at a time."""


@dataclass(frozen=True)
class _Dump:
    """A database that was copied: the file, and what was in it at that moment."""

    kind: str
    file: Path
    revision: str
    rows: dict[str, int]
    sealed: int


def make(settings: Settings, target: Path, *, media: bool, now: datetime) -> Manifest:
    """Make a backup in a new folder, while the service is at work or not. Returns its manifest.

    The folder appears when it is whole. Media come after the database: they never change and none
    is removed that it names, so all that the copy names are still there. Raises Conflict when the
    folder exists, NotFound when there is no database.
    """
    if target.exists():
        raise Conflict(f"{target} exists: name a folder that does not, to keep the backup in it")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    # Raw responses are for the service's own user.
    draft.mkdir(mode=0o700)
    try:
        dumped = _dump(settings.database, draft)
        dumped.file.chmod(0o600)
        taken = _take_media(settings, dumped, draft) if media else None
        made = Manifest.model_validate(
            {
                "made_at": now,
                "version": __version__,
                "kind": dumped.kind,
                "revision": dumped.revision,
                "rows": dumped.rows,
                "file": dumped.file.name,
                "size": dumped.file.stat().st_size,
                "sha256": manifest.sha256(dumped.file),
                "media": taken,
                "sealed": dumped.sealed,
            }
        )
        made.write(draft)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


def _dump(url: str, folder: Path) -> _Dump:
    """Copy the database into a folder."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = folder / sqlite.FILE
        sqlite.dump(Path(parsed.database or ""), file)
        with opened(file) as connection:
            return _described("sqlite", file, connection)
    file = folder / postgres.FILE
    with _snapshot(url) as (connection, snapshot):
        described = _described("postgresql", file, connection)
        postgres.dump(connection, snapshot, file)
    return described


def _described(kind: str, file: Path, connection: Connection) -> _Dump:
    return _Dump(
        kind,
        file,
        manifest.revision(connection),
        manifest.row_counts(connection),
        manifest.sealed_models(connection),
    )


@contextmanager
def opened(file: Path) -> Iterator[Connection]:
    """Open a copy that nobody else has, to read it, and leave no other file beside it."""
    engine = create_engine(f"sqlite:///{file.absolute()}")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[Connection, str]]:
    """Hold a PostgreSQL database as it is now; others may open the same snapshot by its name."""
    engine: Engine = create_db_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            name: str = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            yield connection, name
    finally:
        engine.dispose()


def _take_media(settings: Settings, dumped: _Dump, folder: Path) -> Media:
    """Copy the media that the database names, each once."""
    source, target = MediaStore(settings.media), store_of(folder)
    taken = Media()
    with _reading(settings.database, dumped) as connection:
        rows = connection.execution_options(yield_per=BATCH).execute(
            text("SELECT media FROM samples ORDER BY id")
        )
        for row in rows:
            for ref in from_json(_decoded(row.media)):
                if not target.exists(ref.digest):
                    with source.open_local(ref.digest) as path:
                        target.put_file(path, ref.digest)
                        taken.size += path.stat().st_size
                    taken.files += 1
    return taken


@contextmanager
def _reading(url: str, dumped: _Dump) -> Iterator[Connection]:
    """Open what tells which media there are: the copy, or the server that it was taken from."""
    if dumped.kind == "sqlite":
        with opened(dumped.file) as connection:
            yield connection
        return
    # Newer than the copy, which is harmless: it names some more.
    with _snapshot(url) as (connection, _):
        yield connection


def store_of(backup: Path) -> MediaStore:
    """Return the media in a backup."""
    return MediaStore((backup / manifest.MEDIA).absolute().as_uri())


def _decoded(value: Any) -> Any:
    """Return a JSON column: SQLite gives text, PostgreSQL the value."""
    return orjson.loads(value) if isinstance(value, str) else value
