"""What a backup says of itself: `manifest.json`, written last."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

from alembic.runtime.migration import MigrationContext
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection, inspect, text

from core.errors import Conflict, InvalidInput, NotFound

FILE = "manifest.json"
MEDIA = "media"
"""The folder of media within a backup: a media store of its own."""
CHUNK = 1 << 20


class Media(BaseModel):
    """The media that a backup has; they check themselves, since each is named by its digest."""

    files: int = 0
    size: int = 0


class Manifest(BaseModel):
    """What a backup is, and what must be in it."""

    format: Literal[1] = 1
    made_at: datetime
    version: str = Field(description="Of gerbench")
    kind: Literal["sqlite", "postgresql"]
    revision: str = Field(description="Of the schema")
    rows: dict[str, int] = Field(description="By table")
    file: str
    size: int
    sha256: str
    media: Media | None = Field(description="Null: media are not in it")
    sealed: int = Field(description="Models with secrets that only the installation's key opens")

    def write(self, folder: Path) -> None:
        """Write it into a backup, which is whole then."""
        (folder / FILE).write_text(self.model_dump_json(indent=2) + "\n", "utf-8")


def read(folder: Path) -> Manifest:
    """Return what a backup says of itself. Raises NotFound and InvalidInput."""
    try:
        written = (folder / FILE).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"{folder} is no backup: it has no {FILE}; name a folder that `gerbench db backup` made"
        ) from error
    try:
        found = Manifest.model_validate_json(written)
    except ValidationError as error:
        raise InvalidInput(
            f"{folder / FILE} is not one that this version reads: it is damaged, or was made by a"
            " newer gerbench"
        ) from error
    if Path(found.file).name != found.file:
        raise InvalidInput(f"{folder / FILE} names a file outside of its folder")
    return found


def sha256(file: Path) -> str:
    """Return the digest of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def revision(connection: Connection) -> str:
    """Return the revision of a database that has tables. Raises Conflict for any other."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        raise Conflict("there is nothing to back up: the database has no tables of gerbench")
    return found


def row_counts(connection: Connection) -> dict[str, int]:
    """Count the rows of every table, whatever tables there are."""
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: connection.execute(text(f"SELECT count(*) FROM {quote(name)}")).scalar_one()  # noqa: S608 - a table's own name, quoted
        for name in sorted(inspect(connection).get_table_names())
    }


def sealed_models(connection: Connection) -> int:
    """Count the models with secrets that are kept encrypted."""
    query = "SELECT count(*) FROM models WHERE CAST(sealed AS TEXT) <> '{}'"
    return int(connection.execute(text(query)).scalar_one())
