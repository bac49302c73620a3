"""`gerbench datasets`: import and look at what models are evaluated on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import SEEK_END
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from core.vocabulary import Modality, Task
from gerbench.cli.options import AsJson, Data, Limit, SpecFile, examples, given, read_object
from gerbench.cli.output import (
    FAULTS,
    Column,
    moment,
    plain,
    print_items,
    print_json,
    print_one,
    rows,
    screen,
)
from gerbench.client import Client, Json, connect, path
from gerbench.packing import contents, pack, size

app = typer.Typer(no_args_is_help=True, help="Import and look at datasets.")

COLUMNS = (
    Column("dataset", "version"),
    Column("task", "task"),
    Column("modality", "modality"),
    Column("labels", lambda item: len(item.get("labels") or ()), right=True),
    Column("samples", "samples", right=True),
    Column("imported", lambda item: moment(item.get("imported_at"))),
)
SPECS = (
    Column("name", "name"),
    Column("task", "task"),
    Column("modality", "modality"),
    Column("variants", lambda item: list(item["variants"]) or None),
    Column("labels", "labels", wrap=True),
    Column("headline", "scoring.headline"),
)
SAMPLES = (
    Column("id", "id", right=True),
    Column("name", "name"),
    Column("target", "target"),
    Column("text", "text", wrap=True),
    Column("media", lambda item: len(item.get("media") or ()), right=True),
)


@app.command(
    "import",
    epilog=examples(
        "gerbench datasets import faces/ --name my-faces --task facial_emotion",
        "gerbench datasets import rafdb/ --name rafdb",
        "gerbench datasets import clips.zip --name clips --task micro_expression --modality video",
    ),
)
def import_dataset(
    source: Annotated[
        Path,
        typer.Argument(
            exists=True,
            readable=True,
            metavar="PATH",
            help="A folder of folders, one for each class; a folder with a manifest; an archive"
            " of either (zip, tar, tar.gz); or a manifest with all texts (csv, jsonl).",
        ),
    ],
    *,
    name: Annotated[str | None, typer.Option(help="Lower-case letters, digits, . - _")] = None,
    task: Annotated[
        Task | None, typer.Option(help="The GER task. Default: the built-in dataset's.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="Which subset or protocol, such as five_agree.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Default: the names of the class folders.")
    ] = None,
    modality: Annotated[Modality | None, typer.Option(help="Default: what the files are.")] = None,
    spec: SpecFile = None,
    skip_faulty: Annotated[
        bool, typer.Option("--skip-faulty", help="Import the rest when some files are faulty.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import a dataset: all of it or, when a file is faulty, nothing and a report."""
    body = read_object(spec) if spec else {}
    split = [label.strip() for label in labels.split(",")] if labels else None
    body |= given(name=name, task=task, variant=variant, modality=modality, labels=split)
    if "name" not in body:
        raise typer.BadParameter("give --name, or a --spec that holds it")
    form = {"spec": json.dumps(body)}
    if skip_faulty:
        form["skip_faulty"] = "true"
    with connect(data) as client, _progress() as progress, _archive(source, progress) as archive:
        filename = source.name if source.is_file() else f"{source.resolve().name}.tar"
        made = _upload(client, form, archive, filename, progress)
    if as_json:
        print_json(made)
        return
    _print_made(made)


@app.command("list")
def list_datasets(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the datasets."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("datasets"), limit=most),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No datasets; import one with `gerbench datasets import PATH`.",
        )


@app.command("specs", epilog=examples("gerbench datasets specs", "gerbench datasets specs --json"))
def list_specs(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the built-in datasets, which an import knows by their name."""
    with connect(data) as client:
        print_items(
            lambda most: islice(client.get(path("specs"))["items"], most),
            SPECS,
            as_json=as_json,
            limit=limit,
            none="No built-in datasets.",
        )


@app.command("show", epilog=examples("gerbench datasets show my-faces@1f3a9c"))
def show_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show one dataset."""
    with connect(data) as client:
        print_one(client.get(path("datasets", name)), as_json=as_json)


@app.command("samples")
def list_samples(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List a dataset's samples and their targets."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("datasets", name, "samples"), limit=most),
            SAMPLES,
            as_json=as_json,
            limit=limit,
            none="No samples.",
        )


def _progress() -> Progress:
    console = screen(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def _archive(source: Path, progress: Progress) -> Iterator[BinaryIO]:
    """Open an archive, or make one of a folder for as long as it is needed."""
    if source.is_file():
        with source.open("rb") as file:
            yield file
        return
    bar = progress.add_task("packing", total=sum(map(size, contents(source))))
    with TemporaryFile(prefix="gerbench-") as file:
        pack(source, file, lambda more: progress.advance(bar, more))
        file.seek(0)
        yield file


def _upload(
    client: Client, form: dict[str, str], archive: BinaryIO, filename: str, progress: Progress
) -> Json:
    total = archive.seek(0, SEEK_END)
    archive.seek(0)
    bar = progress.add_task("sending", total=total)
    with progress.wrap_file(archive, total=total, task_id=bar) as file:
        made: Json = client.upload(path("datasets"), form, "archive", file, filename=filename)
    return made


def _print_made(made: Json) -> None:
    """Say what was imported, and what the import found on the way."""
    console = screen()
    report = made.get("report") or {}
    console.print(
        f"{made['version']}: {made['samples']} samples of {plain(made['modality'])},"
        f" labels {plain(made['labels'])}",
        soft_wrap=True,
    )
    for key, title in (("errors", "Left out"), ("warnings", "Take a look")):
        if report.get(key):
            console.print(f"\n{title}:", rows(report[key], FAULTS), sep="\n")
    console.print(f"\nNext: gerbench jobs submit --dataset {made['name']} --model NAME --watch")
