"""A SQLite database, copied while it is in use, and put in another's place."""

import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_hex

from core.errors import Conflict, InvalidInput, NotFound

FILE = "database.sqlite"
BUSY_S = 2.0
"""How long whoever still has a database open may take to let go of it."""


def dump(source: Path, target: Path) -> None:
    """Copy a database by SQLite's online backup, all of it as of one moment.

    In one step: it reads as any reader does, which in WAL mode keeps no writer waiting. In several
    steps each write in between would begin it anew.
    """
    if not source.exists():
        raise NotFound(f"there is no database to back up: {source} does not exist")
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        # One file: without a log beside it, whoever opens it.
        copy.execute("PRAGMA journal_mode = DELETE")
        _check(copy, source)


def load(source: Path, target: Path) -> None:
    """Put a copy in the place of a database that nobody has open; whole or not at all."""
    draft = target.with_name(f".{target.name}.{token_hex(4)}")
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as copy,
            closing(sqlite3.connect(draft)) as made,
        ):
            copy.backup(made)
            _check(made, source)
        draft.chmod(0o600)
        _close(target)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _close(target: Path) -> None:
    """Write what is in a database's log into it: of another database a log must not be found."""
    if not target.exists():
        return
    with closing(sqlite3.connect(target, timeout=BUSY_S)) as old:
        try:
            # Fails while anybody else has it open; else the log is emptied and removed.
            old.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise Conflict(
                f"{target} is in use ({error}): stop what uses it, then restore again"
            ) from error


def _check(connection: sqlite3.Connection, source: Path) -> None:
    """Raise InvalidInput for a database that is damaged."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise InvalidInput(f"{source} is damaged: {found}; restore an earlier backup")
