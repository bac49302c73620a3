"""`gerbench import-benchmark`: predictions that others published, into the tables beside ours."""

import tarfile
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, BinaryIO

import typer

from gerbench.cli.options import AsJson, Data
from gerbench.cli.output import Column, print_json_array, print_whole, rows, screen
from gerbench.cli.progress import condition
from gerbench.cli.show import FIGURES, percent
from gerbench.client import ClientError, Json, connect, path

KEPT = (".csv", "spec.json")


def _headline(run: Json) -> str:
    headline = run["headline"]
    return f"{FIGURES[headline['metric']]} {percent(headline['value'])}"


COLUMNS = (
    Column("dataset", "dataset"),
    Column("variant", "variant"),
    Column("condition", condition, wrap=True),
    Column("answered", "answered", right=True),
    Column("refused", "refused", right=True),
    Column("headline", _headline, right=True),
    Column("new", "new"),
)


def import_benchmark(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            metavar="DIR",
            help="Holds a folder for each dataset, with label.csv and label-gpt4v.csv.",
        ),
    ],
    model: Annotated[str, typer.Option(help="What made the predictions.")] = "gpt-4v",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import predictions that others published; a second time changes nothing."""
    with connect(data) as client, TemporaryFile(prefix="gerbench-") as file:
        _pack(folder, file)
        file.seek(0)
        made = client.upload(
            path("runs", "import"), {"model": model}, "archive", file, filename="benchmark.tar"
        )["runs"]
    if as_json:
        print_json_array(iter(made))
        return
    print_whole(screen(), rows(made, COLUMNS))


def _pack(folder: Path, into: BinaryIO) -> None:
    """Write the lists of labels and answers below a folder, and nothing else, into an archive."""
    whole = folder.resolve()
    found = [file for file in sorted(whole.rglob("*")) if file.name.lower().endswith(KEPT)]
    if not any(file.suffix.lower() == ".csv" for file in found):
        raise ClientError(f"there is no .csv file below {folder}")
    with tarfile.open(fileobj=into, mode="w", dereference=True) as archive:
        for file in found:
            archive.add(file, arcname=file.relative_to(whole.parent).as_posix(), recursive=False)
