"""`gerbench analyses`: what a selection of runs says together, on a screen or for a paper."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from core.vocabulary import Outcome, Task
from gerbench.cli.options import Data, examples, full_id
from gerbench.cli.output import ODD
from gerbench.client import Client, connect, path


class Name(StrEnum):
    """The analyses there are."""

    MAIN = "main"
    TEMPORAL = "temporal"
    FUSION = "fusion"
    STABILITY = "stability"
    CLASSES = "classes"
    TEMPLATES = "templates"
    COLOR = "color"
    PAIRWISE = "pairwise"
    REFUSALS = "refusals"
    POSITION = "position"
    CASES = "cases"


class Format(StrEnum):
    """How an analysis is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"
    SVG = "svg"
    PNG = "png"


FIGURES = {Format.SVG, Format.PNG}
ENDINGS: Mapping[str, Format] = {
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".md": Format.MARKDOWN,
    ".tex": Format.LATEX,
    ".svg": Format.SVG,
    ".png": Format.PNG,
}
"""Of files whose format goes without saying."""


class Width(StrEnum):
    """How much of a page a figure takes."""

    COLUMN = "column"
    PAGE = "page"


class Normalise(StrEnum):
    """What the cells of a confusion matrix show."""

    ROWS = "rows"
    COLUMNS = "columns"
    COUNTS = "counts"


EXAMPLES = examples(
    "gerbench analyses main --dataset rafdb",
    "gerbench analyses pairwise --run 1f3a9c --run 07be21",
    "gerbench analyses stability --job 5e02aa --format latex > stability.tex",
    "gerbench analyses classes --dataset rafdb --width column --output confusion.svg",
    "gerbench analyses cases --run 1f3a9c --target fear --label surprise",
    "gerbench analyses cases --run 1f3a9c --right --against 07be21",
)


def analyses(
    name: Annotated[Name, typer.Argument(metavar="NAME", help=", ".join(Name))],
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="These runs; its first characters are enough."),
    ] = None,
    job: Annotated[str | None, typer.Option(metavar="ID", help="Runs of this job.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Of this dataset: name[@version].")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    task: Annotated[Task | None, typer.Option(help="Of datasets of this task.")] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="JSON has most; CSV is one table; svg and png are figures."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Written to; its ending says the format."),
    ] = None,
    width: Annotated[
        Width | None, typer.Option(help="Figures: one column of a page, or all of it.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="One of its tables, by name.")] = None,
    by: Annotated[
        str | None, typer.Option(help="classes: condition, or task to add up its datasets.")
    ] = None,
    normalise: Annotated[
        Normalise | None, typer.Option(help="classes: what the cells of its figure show.")
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="cases: that ended so.")] = None,
    target: Annotated[str | None, typer.Option(help="cases: of this true class.")] = None,
    label: Annotated[
        str | None, typer.Option(help="cases: answered with this class, or so.")
    ] = None,
    right: Annotated[
        bool | None, typer.Option("--right/--wrong", help="cases: answered right, or not.")
    ] = None,
    rank: Annotated[
        int | None, typer.Option(min=0, help="cases: place of the first right label; 0: none.")
    ] = None,
    agreement: Annotated[
        str | None, typer.Option(help="cases: all of the runs agree, or some differ.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="ID", help="cases: where this other run is judged otherwise."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=500, help="cases: at most N.", metavar="N")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="cases: where the last page ended.")] = None,
    data: Data = None,
) -> None:
    """Analyse runs together: completed ones chosen by filters, or any by their ids.

    docs/analyses.md says what each figure is.
    """
    own: dict[str, Any] = {"outcome": outcome, "target": target, "label": label, "right": right}
    own |= {"rank": rank, "agreement": agreement, "limit": limit, "cursor": cursor}
    asked: dict[str, Any] = {
        Name.CLASSES: {"by": by, "normalise": normalise},
        Name.CASES: own,
    }.get(name, {})
    form = form or (ENDINGS.get(output.suffix.lower()) if output else None) or Format.TABLE
    if form in FIGURES and output is None and sys.stdout.isatty():
        raise typer.BadParameter("a figure goes to a file", param_hint="--output")
    with connect(data) as client:
        if name is Name.CASES and against:
            asked["against"] = full_id(client, "runs", against)
        params = {
            "run": [full_id(client, "runs", one) for one in run] if run else None,
            "job": full_id(client, "jobs", job) if job else None,
            "dataset": dataset,
            "model": model,
            "task": task,
            "table": table,
            "width": width,
            **asked,
        }
        found = _found(client, path("analyses", name.value), form, params)
    if output is None:
        sys.stdout.buffer.write(found)
    else:
        _write(output, found)


def _found(client: Client, place: str, form: Format, params: Mapping[str, Any]) -> bytes:
    """Return an analysis in a format; a table for the screen has nothing a terminal obeys."""
    if form is Format.JSON:
        return f"{json.dumps(client.get(place, **params), indent=2)}\n".encode()
    if form is Format.TABLE:
        text = client.content(place, format=Format.MARKDOWN.value, **params).decode()
        return ODD.sub("\N{REPLACEMENT CHARACTER}", text).encode()
    return client.content(place, format=form.value, **params)


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise typer.BadParameter(
            f"{file} cannot be written: {error.strerror}", param_hint="--output"
        ) from error
