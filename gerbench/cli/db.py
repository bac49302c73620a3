"""`gerbench db`: the schema of the database, and its backups."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from core.db import utc_now
from core.settings import Settings, get_settings
from gerbench.backups.making import make
from gerbench.backups.manifest import Manifest
from gerbench.backups.restoring import restore as restore_backup
from gerbench.cli.output import print_json, screen
from migrations import schema

db = typer.Typer(name="db", help="The database: schema, backups.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Data folder. Default: GERBENCH_DATA, else ./var.", file_okay=False),
]
MB = 10**6


@contextmanager
def _reaching() -> Iterator[None]:
    """Say in a line that there is no database, and exit with 1."""
    try:
        yield
    except OperationalError as error:
        typer.echo(f"the database does not answer: {error.orig}", err=True)
        raise typer.Exit(1) from error


@db.command()
def upgrade(
    backup_to: Annotated[
        Path | None,
        typer.Option("--backup", metavar="DIR", help="First make a backup in this new folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the database up to date, all of the way or not at all."""
    url = get_settings().database
    with _reaching():
        before = schema.current(url)
        if before not in {None, schema.head()}:
            _back_up_first(backup_to, before)
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


@db.command()
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(help="A new folder. Default: gerbench-backup-TIME in this one."),
    ] = None,
    media: Annotated[
        bool, typer.Option("--media", help="Take the media along, from wherever they are.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Copy the database as it is now, while the service works or not.

    The service's own keys are not in it: neither secret.key or GERBENCH_SECRET_KEY nor admin.key.
    """
    now = utc_now()
    target = target or Path(f"gerbench-backup-{now:%Y%m%dT%H%M%SZ}")
    settings = _settings(data)
    with _reaching():
        made = make(settings, target, media=media, now=now)
    if as_json:
        print_json({"path": str(target), **made.model_dump(mode="json")})
        return
    _tell(f"backed up to {target}", made)
    if made.media is None:
        _say(f"media: not in it; they are in {settings.media} (--media takes them along)")
    if made.sealed:
        _say(
            f"keys: not in it; {made.sealed} models keep secrets that only GERBENCH_SECRET_KEY, or"
            " secret.key in the data folder, opens: keep a copy of it elsewhere"
        )


@db.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder that `gerbench db backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it take the place of what is there.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Put a backup into a new data folder, or an empty database; with the media if it has them.

    Jobs that were under way go on there once the service runs: let not two installations do so.
    """
    settings = _settings(data)
    with _reaching():
        found = restore_backup(settings, source, replace=replace)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _tell(f"restored from {source}", found)
    if found.revision != schema.head():
        _say(f"next: `gerbench db upgrade` to revision {schema.head()}; `gerbench up` does it too")
    if found.media is None:
        _say(f"media: they were not in it; have them in {settings.media}")
    if found.sealed:
        _say(
            f"keys: {found.sealed} models keep secrets; put the old secret.key into the data"
            " folder, or set GERBENCH_SECRET_KEY as it was, else send these secrets anew"
        )


def _back_up_first(target: Path | None, before: str | None) -> None:
    """Make a backup before tables that are in use are changed, or say how to."""
    console = screen(stderr=True)
    if target is None:
        hint = "there is no way back but a backup: `gerbench db upgrade --backup DIR` makes one"
        console.print(f"upgrading from {before}; {hint}", soft_wrap=True)
        return
    schema.refuse_newer(before)
    make(get_settings(), target, media=False, now=utc_now())
    console.print(f"the way back: gerbench db restore {target} --replace", soft_wrap=True)


def _settings(data: Path | None) -> Settings:
    return get_settings() if data is None else Settings(data=data)


def _tell(what: str, about: Manifest) -> None:
    """Say what is in a backup."""
    count = sum(about.rows.values())
    rows = "1 row" if count == 1 else f"{count:,} rows"
    media = "" if about.media is None else f", {about.media.files:,} media"
    size = about.size + (about.media.size if about.media else 0)
    _say(
        f"{what}: {about.kind}, revision {about.revision}, {rows} in {len(about.rows)}"
        f" tables{media}, {size / MB:,.1f} MB"
    )


def _say(line: str) -> None:
    screen().print(line, soft_wrap=True)
