"""`gerbench templates`: the texts that models are asked with."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from core.vocabulary import Modality, Task
from gerbench.cli.options import AsJson, Data, Limit, examples, given
from gerbench.cli.output import Column, moment, plain, print_items, print_json, screen
from gerbench.client import Client, ClientError, Json, connect, path

app = typer.Typer(no_args_is_help=True, help="The texts that models are asked with.")

OfTask = Annotated[Task | None, typer.Option(help="Only of this GER task.")]
OfModality = Annotated[Modality | None, typer.Option(help="Only of this modality.")]

COLUMNS = (
    Column("name", lambda item: f"{item['name']}@{item['version']}"),
    Column("task", "task"),
    Column("modality", "modality"),
    Column("text", lambda item: _first_line(item["text"]), wrap=True),
    Column("added", lambda item: moment(item.get("created_at"))),
)
LINE = 60


@app.command("list")
def list_templates(
    task: OfTask = None,
    modality: OfModality = None,
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List every version of every template."""
    wanted = given(task=task, modality=modality)
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("templates"), limit=most, **wanted),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No templates.",
        )


@app.command(
    "add",
    epilog=examples(
        "gerbench templates add --name terse --task facial_emotion --modality image"
        " --text 'Name the emotion shown by each of these {count} faces.'",
    ),
)
def add_template(
    *,
    name: Annotated[str, typer.Option(help="A name in use gets a new version.")],
    task: Annotated[Task, typer.Option(help="The GER task it asks for.")],
    modality: Annotated[Modality, typer.Option(help="What it shows.")],
    text: Annotated[str | None, typer.Option(help="May hold {labels}, {count}, {frames}.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file with the text.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a template, or a version of one; versions never change."""
    if (text is None) == (file is None):
        raise typer.BadParameter("give the text, either as --text or in a --file")
    if text is None and file is not None:
        text = _read(file)
    body = {"name": name, "task": task, "modality": modality, "text": text}
    with connect(data) as client:
        made = client.post(path("templates"), body)
    if as_json:
        print_json(made)
        return
    screen().print(f"{made['name']}@{made['version']} asks for {task} of {modality}.")


@app.command("show", epilog=examples("gerbench templates show default@1 --modality image"))
def show_template(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]|ID")],
    task: OfTask = None,
    modality: OfModality = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show a template's text: of a version or, without one, the newest of each kind."""
    with connect(data) as client:
        found = _find(client, name, given(task=task, modality=modality))
    if as_json:
        print_json(found)
        return
    console = screen()
    for item in found:
        head = f"{item['name']}@{item['version']}  {item['task']}  {item['modality']}"
        console.print(head, style="bold")
        console.print(f"{plain(item['text'])}\n")


def _find(client: Client, text: str, wanted: Json) -> list[Json]:
    """Return the templates that are meant. Raises ClientError when there is none."""
    try:
        return [client.get(path("templates", UUID(text)))]
    except ValueError:
        name, _, version = text.partition("@")
    kinds: dict[tuple[str, str], Json] = {}
    for item in client.items(path("templates"), name=name, **wanted):
        if item["name"] != name or version not in {"", str(item["version"])}:
            continue
        kind = (item["task"], item["modality"])
        if kind not in kinds or item["version"] > kinds[kind]["version"]:
            kinds[kind] = item
    if not kinds:
        raise ClientError(f"no template {text!r}; see `gerbench templates list`")
    return list(kinds.values())


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not UTF-8 text: {error}") from error


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"
