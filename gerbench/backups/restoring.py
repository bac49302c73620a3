"""The way back: from a backup to an installation."""

from pathlib import Path

from sqlalchemy import Connection, inspect, make_url

from core.db import create_db_engine
from core.errors import Conflict, InvalidInput, StaleSchema
from core.media.store import MediaStore
from core.settings import Settings
from gerbench.backups import manifest, postgres, sqlite
from gerbench.backups.making import opened
from gerbench.backups.manifest import Manifest
from gerbench.folder import DataFolder
from migrations import schema


def restore(settings: Settings, backup: Path, *, replace: bool) -> Manifest:
    """Put a backup into an empty database, or with `replace` into the place of what is there.

    All is verified before anything is changed. Raises InvalidInput for a backup that is damaged
    or of the other kind of database, StaleSchema for one that is newer than this code, Conflict
    for a target that is in use or, without `replace`, not empty.
    """
    found = manifest.read(backup)
    _verify(settings, backup, found)
    parsed = make_url(settings.database)
    if found.kind == "sqlite":
        file = Path(parsed.database or "")
        folder = DataFolder(settings.data)
        try:
            _restore_file(backup / found.file, file, replace=replace)
            with opened(file) as connection:
                _compare(connection, found)
        finally:
            folder.close()
    else:
        _restore_server(settings.database, backup / found.file, found, replace=replace)
    if found.media is not None:
        _restore_media(backup, MediaStore(settings.media))
    return found


def _verify(settings: Settings, backup: Path, found: Manifest) -> None:
    """Raise unless a backup is whole, and one that this installation can take."""
    kind = make_url(settings.database).get_backend_name()
    if kind != found.kind:
        raise InvalidInput(
            f"this is a backup of {found.kind}, and GERBENCH_DATABASE_URL names {kind}: restore it"
            f" into {found.kind}"
        )
    if not schema.knows(found.revision):
        raise StaleSchema(
            f"the backup was made by gerbench {found.version} at revision {found.revision}, which"
            f" this version does not know (it needs {schema.head()}): install that version or a"
            " newer one, then restore",
            current=found.revision,
            head=schema.head(),
        )
    file = backup / found.file
    if not file.is_file() or manifest.sha256(file) != found.sha256:
        raise InvalidInput(f"{file} is not what its manifest says: the backup is damaged")
    if found.media is not None:
        _verify_media(backup, found)


def _verify_media(backup: Path, found: Manifest) -> None:
    """Raise InvalidInput unless each medium is what its name says, and none is missing."""
    files = 0
    for file in _media_files(backup):
        if manifest.sha256(file) != f"{file.parent.name}{file.name}":
            raise InvalidInput(f"{file} is not what its name says: the backup is damaged")
        files += 1
    if found.media is not None and files != found.media.files:
        raise InvalidInput(
            f"{backup} has {files:,} media of {found.media.files:,}: the backup is damaged"
        )


def _media_files(backup: Path) -> list[Path]:
    """Return the media in a backup."""
    return sorted(file for file in (backup / manifest.MEDIA).rglob("*") if file.is_file())


def _restore_file(source: Path, file: Path, *, replace: bool) -> None:
    """Put a copy where a SQLite database is to be."""
    if file.exists() and file.stat().st_size and not replace:
        with opened(file) as connection:
            _refuse_filled(connection, str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    sqlite.load(source, file)


def _restore_server(url: str, source: Path, found: Manifest, *, replace: bool) -> None:
    """Fill a PostgreSQL database."""
    engine = create_db_engine(url)
    try:
        with engine.connect() as connection:
            if not replace:
                _refuse_filled(connection, f"database {connection.engine.url.database}")
            postgres.refuse_in_use(connection)
            connection.rollback()  # pg_restore needs the locks that were taken to look
            postgres.load(connection, source, replace=replace)
            _compare(connection, found)
    finally:
        engine.dispose()


def _refuse_filled(connection: Connection, where: str) -> None:
    """Raise Conflict if a database has tables."""
    if tables := inspect(connection).get_table_names():
        raise Conflict(
            f"{where} is not empty: it has {len(tables)} tables; restore into a new data folder or"
            " database, or let the backup take its place with --replace"
        )


def _compare(connection: Connection, found: Manifest) -> None:
    """Raise InvalidInput unless all rows came back."""
    if (rows := manifest.row_counts(connection)) != found.rows:
        wrong = [
            name for name in sorted({*rows, *found.rows}) if rows.get(name) != found.rows.get(name)
        ]
        raise InvalidInput(f"after the restore these tables differ from the backup: {wrong}")


def _restore_media(backup: Path, target: MediaStore) -> None:
    """Put the media of a backup into the store, where they are not there already."""
    for file in _media_files(backup):
        target.put_file(file, f"{file.parent.name}{file.name}")
