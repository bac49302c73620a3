"""`gerbench db`: the schema of the database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from core.settings import get_settings
from migrations import schema

db = typer.Typer(name="db", help="The schema of the database.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def _reaching() -> Iterator[None]:
    """Say in a line that there is no database, and exit with 1."""
    try:
        yield
    except OperationalError as error:
        typer.echo(f"the database does not answer: {error.orig}", err=True)
        raise typer.Exit(1) from error


@db.command()
def upgrade(as_json: Json = False) -> None:
    """Bring the database up to date."""
    url = get_settings().database
    with _reaching():
        before = schema.current(url)
        schema.upgrade(url)
    after = schema.head()
    if as_json:
        print(json.dumps({"before": before, "current": after}))
    elif before == after:
        print(f"up to date at revision {after}")
    else:
        print(f"upgraded from {before or 'nothing'} to revision {after}")


@db.command()
def check(as_json: Json = False) -> None:
    """Exit with 1 unless the database has the tables that this version needs."""
    with _reaching():
        schema.check(get_settings().database)
    revision = schema.head()
    print(json.dumps({"current": revision}) if as_json else f"up to date at revision {revision}")


@db.command()
def current(as_json: Json = False) -> None:
    """Print the revision of the database."""
    with _reaching():
        revision = schema.current(get_settings().database)
    print(
        json.dumps({"current": revision, "head": schema.head()}) if as_json else revision or "none"
    )
