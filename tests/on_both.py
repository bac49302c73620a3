"""Run commands on a blank database of each kind: `python -m tests.on_both COMMAND…`.

Each command is found beside the Python that runs this; the first that fails ends it all.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from tests import servers


def run(commands: list[str], url: str) -> None:
    """Run commands, one after the other, on a database."""
    environment = {**os.environ, "GERBENCH_DATABASE_URL": url}
    for command in commands:
        print(f"{make_url(url).get_backend_name()}: {command}", flush=True)
        program, *arguments = shlex.split(command)
        path = Path(sys.executable).parent / program
        subprocess.run([str(path), *arguments], env=environment, check=True)


def main(commands: list[str]) -> None:
    """Run commands on a blank SQLite database, then on a blank PostgreSQL one."""
    with tempfile.TemporaryDirectory() as folder:
        run(commands, f"sqlite:///{folder}/gerbench.db")
    session = servers.open_session()
    try:
        server = make_url(servers.url_of("postgres"))
        name = f"gerbench_test_{uuid4().hex[:16]}"
        plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            try:
                run(commands, server.set(database=name).render_as_string(hide_password=False))
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    finally:
        servers.close_session(session)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
