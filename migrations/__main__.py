"""Write the next revision: `python -m migrations "What changes"`, for developers.

It compares the tables of the code with an empty SQLite database that was brought to the head, so
it needs no server. With `--initial` it first removes every revision: only until the first release.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from migrations.schema import config_of, migrating, upgrade

VERSIONS = Path(__file__).parent / "versions"


def write(message: str) -> None:
    """Write the next revision, numbered from 0001."""
    number = 1 + len(list(VERSIONS.glob("[0-9]*.py")))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.db"
        if number > 1:
            upgrade(url)
        with migrating(url) as connection:
            config = config_of(connection)
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
    (written,) = VERSIONS.glob(f"{number:04}_*.py")
    lines = written.read_text().splitlines(keepends=True)
    written.write_text("".join(line for line in lines if "###" not in line))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--initial"]:
            for old in VERSIONS.glob("[0-9]*.py"):
                old.unlink()
            write("Every table")
        case [message] if message.strip():
            write(message.strip().rstrip("."))
        case _:
            sys.exit(__doc__)
