"""A PostgreSQL database, by way of its own programs: pg_dump and pg_restore."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, text

from core.errors import Conflict, InvalidInput, NotReady

FILE = "database.dump"
SAID = 2000
"""Characters of what a program said that are told."""

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def dump(connection: Connection, snapshot: str, target: Path) -> None:
    """Copy a database as a snapshot sees it; `connection` holds the snapshot."""
    found = program("pg_dump", connection)
    _run(
        connection.engine,
        [found, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"],
        f"--file={target}",
    )


def load(connection: Connection, source: Path, *, replace: bool) -> None:
    """Fill a database, all of it in one transaction, or not at all."""
    found = program("pg_restore", connection)
    over = ["--clean", "--if-exists"] if replace else []
    options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    _run(connection.engine, [found, *options, *over], str(source))


def refuse_in_use(connection: Connection) -> None:
    """Raise Conflict while anybody else is connected."""
    if others := connection.execute(text(OTHERS)).scalar_one():
        raise Conflict(
            f"{others} other connections to this database are open: stop every API, worker and"
            " beat, then restore again"
        )


def program(name: str, connection: Connection) -> str:
    """Return the path of a program. Raises NotReady if there is none as new as the server."""
    version = connection.dialect.server_version_info
    server = int(version[0]) if version else 0
    remedy = (
        f"install PostgreSQL's client programs, version {server} or newer (Debian and Ubuntu:"
        f" postgresql-client-{server}), or run this where they are"
    )
    found = shutil.which(name)
    if found is None:
        raise NotReady(f"{name} is not installed: {remedy}")
    told = subprocess.run([found, "--version"], check=True, capture_output=True, text=True)  # noqa: S603 - a program on PATH
    number = re.search(r"\d+", told.stdout)
    if number is None or int(number[0]) < server:
        raise NotReady(f"{told.stdout.strip()} is older than the server ({server}): {remedy}")
    return found


def _run(engine: Engine, command: list[str], last: str) -> None:
    """Run a program on a database. The password goes by its environment: others see arguments."""
    arguments, options = engine.dialect.create_connect_args(engine.url)
    del arguments
    given = {name: str(value) for name, value in options.items() if name != "context"}
    password = given.pop("password", None)
    environment = {**os.environ, **({} if password is None else {"PGPASSWORD": password})}
    ended = subprocess.run(  # noqa: S603 - a program on PATH
        [*command, f"--dbname={make_conninfo(**given)}", last],
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        said = ended.stderr.strip()[-SAID:]
        raise InvalidInput(f"{Path(command[0]).name} failed, and changed nothing: {said}")
