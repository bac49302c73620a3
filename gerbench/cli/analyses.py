"""`gerbench analyses`: what a selection of runs says together, on a screen or for a paper."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from core.vocabulary import Outcome, Task
from gerbench.cli.options import Data, examples, full_id
from gerbench.cli.output import ODD, print_json
from gerbench.client import connect, path


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


EXAMPLES = examples(
    "gerbench analyses main --dataset rafdb",
    "gerbench analyses pairwise --run 1f3a9c --run 07be21",
    "gerbench analyses stability --job 5e02aa --format latex > stability.tex",
    "gerbench analyses cases --run 1f3a9c --target fear --label surprise",
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
    output: Annotated[
        Format, typer.Option("--format", help="JSON has most; CSV is one table.")
    ] = Format.TABLE,
    table: Annotated[str | None, typer.Option(help="One of its tables, by name.")] = None,
    by: Annotated[
        str | None, typer.Option(help="classes: condition, or task to add up its datasets.")
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
    asked: dict[str, Any] = (
        {"by": by} if name is Name.CLASSES else own if name is Name.CASES else {}
    )
    with connect(data) as client:
        params = {
            "run": [full_id(client, "runs", one) for one in run] if run else None,
            "job": full_id(client, "jobs", job) if job else None,
            "dataset": dataset,
            "model": model,
            "task": task,
            "table": table,
            **asked,
        }
        place = path("analyses", name.value)
        if output is Format.JSON:
            print_json(client.get(place, **params))
            return
        form = Format.MARKDOWN if output is Format.TABLE else output
        text = client.text(place, format=form.value, **params)
    print(ODD.sub("\N{REPLACEMENT CHARACTER}", text) if output is Format.TABLE else text, end="")
