"""`gerbench templates`: the texts that models are asked with."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from core.vocabulary import Color, Detail, Modality, Task
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
        "gerbench templates add --name brief --task facial_emotion --modality image"
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


@app.command(
    "preview",
    epilog=examples(
        "gerbench templates preview observer --dataset my-faces --model gpt-4o",
        "gerbench templates preview --dataset clips --frames 5 --count 1 --file draft.txt",
    ),
)
def preview_template(
    *,
    name: Annotated[str, typer.Argument(metavar="[NAME[@VERSION]]")] = "default",
    dataset: Annotated[str, typer.Option(metavar="NAME[@VERSION]", help="Its labels, samples.")],
    text: Annotated[str | None, typer.Option(help="In place of a stored template.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file with the text.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Shows the whole body and what it counts for.")
    ] = None,
    modality: Annotated[Modality | None, typer.Option(help="Default: the dataset's.")] = None,
    frames: Annotated[int | None, typer.Option(help="Of each video; 3 unless given.")] = None,
    color: Annotated[Color | None, typer.Option(help="Of pictures; rgb unless given.")] = None,
    detail: Annotated[Detail | None, typer.Option(help="Image detail; low unless given.")] = None,
    count: Annotated[int | None, typer.Option(help="Samples. Default: as a job batches.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the samples' order; 0 unless given.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the first request of a job exactly as it would be sent; nothing is sent."""
    if text is not None and file is not None:
        raise typer.BadParameter("give the text as --text or in a --file, not both")
    body = given(
        dataset=dataset,
        template=name,
        model=model,
        modality=modality,
        text=_read(file) if file else text,
        frames=frames,
        color=color,
        detail=detail,
        count=count,
        seed=seed,
    )
    with connect(data) as client:
        shown = client.post(path("templates", "preview"), body)
    if as_json:
        print_json(shown)
    else:
        _print_preview(shown)


@app.command(
    "diff",
    epilog=examples("gerbench templates diff default@1 default@2 --task facial_emotion"),
)
def diff_templates(
    before: Annotated[str, typer.Argument(metavar="NAME[@VERSION]|ID")],
    after: Annotated[str, typer.Argument(metavar="NAME[@VERSION]|ID")],
    *,
    task: OfTask = None,
    modality: OfModality = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what one version says otherwise than another: [-gone-] and {+come+}, as git does."""
    with connect(data) as client:
        old, new = (
            _only(client, each, given(task=task, modality=modality)) for each in (before, after)
        )
        found = client.get(path("templates", new["id"], "diff"), against=old["id"])
    if as_json:
        print_json(found)
        return
    signs = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    text = "".join(signs[each["change"]].format(each["text"]) for each in found["pieces"])
    screen().print(plain(text), soft_wrap=True)


def _print_preview(shown: Json) -> None:
    """Print the parts of the message in the order the model reads them."""
    console = screen()
    condition = ", ".join(f"{key} {plain(value)}" for key, value in shown["condition"].items())
    console.print(f"{shown['dataset']}: {condition}", style="bold", soft_wrap=True)
    names = {sample["shown_as"]: sample["name"] for sample in shown["samples"]}
    for message in shown["sent"]["messages"]:
        console.print(f"\n--- {message['role']}", style="dim")
        for part in message["content"]:
            console.print(_part(part), soft_wrap=True)
    console.print("---\n", style="dim")
    for echoed, name in names.items():
        console.print(plain(f"{echoed} is {name}"), style="dim", soft_wrap=True)
    settings = {key: value for key, value in shown["sent"].items() if key != "messages"}
    if settings:
        size = f"{shown['bytes']:,} bytes, about {shown['tokens']:,} tokens"
        console.print(f"{plain(settings)}; {size}", style="dim", soft_wrap=True)


def _part(part: Json) -> str:
    """Return a text, or in brackets what is sent of a picture."""
    if part["type"] == "text":
        return plain(part["text"])
    image, detail = part["image_url"]["url"], part["image_url"]["detail"]
    frame = "" if image["frame"] is None else f", frame {image['frame']} of the video"
    return (
        f"[{image['mime']}, {image['bytes']:,} bytes, detail {detail}{frame},"
        f" sha256 {image['sha256'][:12]}]"
    )


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
        if kind not in kinds or _goes_before(item, kinds[kind]):
            kinds[kind] = item
    if not kinds:
        raise ClientError(f"no template {text!r}; see `gerbench templates list`")
    return list(kinds.values())


def _goes_before(item: Json, other: Json) -> bool:
    """Tell whether a name stands for one version rather than another, as the API has it."""
    return (item["version"], not item["built_in"]) > (other["version"], not other["built_in"])


def _only(client: Client, text: str, wanted: Json) -> Json:
    """Return the one template that is meant. Raises ClientError when there are several."""
    found = _find(client, text, wanted)
    if len(found) > 1:
        kinds = ", ".join(f"{item['task']} of {item['modality']}" for item in found)
        raise ClientError(f"{text!r} is there for {kinds}: add --task and --modality")
    return found[0]


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not UTF-8 text: {error}") from error


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"
