"""Exports on their way to a file or into a pipe."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.vocabulary import ExportFormat
from gerbench.client import Client, ClientError

Format = Annotated[
    ExportFormat | None,
    typer.Option("--format", help="Default: as --output ends, else csv."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Default: standard output."),
]


def form_of(form: ExportFormat | None, output: Path | None) -> ExportFormat:
    """Return the format that is meant."""
    if form is not None:
        return form
    ending = "" if output is None else output.suffix.removeprefix(".")
    return ExportFormat(ending) if ending in set(ExportFormat) else ExportFormat.CSV


def export(client: Client, place: str, form: str, output: Path | None) -> None:
    """Write an export to a file, which is there when it is whole, or to standard output."""
    if output is None:
        if form == ExportFormat.PARQUET and sys.stdout.isatty():
            raise typer.BadParameter("Parquet is nothing to read on a screen: give --output FILE")
        client.download(place, sys.stdout.buffer, format=form)
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        try:
            with part.open("wb") as file:
                client.download(place, file, format=form)
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ClientError(f"{output} cannot be written: {error.strerror}") from error
