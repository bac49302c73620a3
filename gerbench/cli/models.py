"""`gerbench models`: name endpoints and say how they may be used."""

from pathlib import Path
from typing import Annotated

import typer

from gerbench.cli.options import AsJson, Data, Limit, SpecFile, examples, given, read_object
from gerbench.cli.output import Column, fields, print_items, print_json, rows, screen
from gerbench.cli.progress import money, seconds
from gerbench.client import Json, connect, path

app = typer.Typer(no_args_is_help=True, help="Name endpoints and say how they may be used.")


def credentials(item: Json) -> str:
    """Return where a model's secrets are, and which of them are not there."""
    return ", ".join(
        (one.get("env") or one.get("file") or "?")
        + ("" if one.get("present", True) else " (unset)")
        for one in item.get("credentials") or ()
    )


COLUMNS = (
    Column("name", "name"),
    Column("model", "model"),
    Column("address", "base_url", wrap=True),
    Column("rpm", "limits.rpm", right=True),
    Column("tpm", "limits.tpm", right=True),
    Column("rpd", "limits.rpd", right=True),
    Column("concurrency", "limits.concurrency", right=True),
    Column("credentials", credentials, wrap=True),
)

Name = Annotated[str, typer.Argument(metavar="NAME")]
BaseUrl = Annotated[
    str | None, typer.Option(help="Where it answers, such as https://api.openai.com/v1.")
]
ModelId = Annotated[str | None, typer.Option(help="The provider's model id.")]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="VAR", help="A variable that holds an API key; repeatable."),
]
CredentialFile = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="A file that holds an API key; repeatable."),
]
Rpm = Annotated[int | None, typer.Option(min=1, help="Requests a minute, for each credential.")]
Tpm = Annotated[int | None, typer.Option(min=1, help="Tokens a minute.")]
Rpd = Annotated[int | None, typer.Option(min=1, help="Requests a day.")]
Concurrency = Annotated[int | None, typer.Option(min=1, help="Requests under way at once.")]
Images = Annotated[int | None, typer.Option(min=1, help="Images that a request may hold.")]
BodyMb = Annotated[float | None, typer.Option(min=0, help="Megabytes that a request may hold.")]
InputPrice = Annotated[float | None, typer.Option(min=0, help="US dollars for 1M input tokens.")]
OutputPrice = Annotated[float | None, typer.Option(min=0, help="US dollars for 1M output tokens.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Upper bound of an answer, in tokens.")]
Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="Default: 0.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Seconds to wait for an answer.")]


@app.command(
    "add",
    epilog=examples(
        "gerbench models add --name gpt-4o --base-url https://api.openai.com/v1"
        " --model gpt-4o --env OPENAI_API_KEY --rpm 500 --input-price 2.5 --output-price 10",
        "gerbench models add --spec model.json",
    ),
)
def add_model(
    *,
    name: Annotated[str | None, typer.Option(help="What jobs call it.")] = None,
    base_url: BaseUrl = None,
    model: ModelId = None,
    env: Env = None,
    credential_file: CredentialFile = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    rpd: Rpd = None,
    concurrency: Concurrency = None,
    images_per_request: Images = None,
    body_mb: BodyMb = None,
    input_price: InputPrice = None,
    output_price: OutputPrice = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    timeout: Timeout = None,
    spec: SpecFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Name an endpoint. Its API keys stay where --env and --credential-file say they are."""
    body = _body(read_object(spec) if spec else {}, locals())
    for required in ("name", "base_url", "model"):
        if required not in body:
            option = required.replace("_", "-")
            raise typer.BadParameter(f"give --{option}, or a --spec that holds it")
    with connect(data) as client:
        made = client.post(path("models"), body)
    _print_made(made, "is a model now", as_json=as_json)


@app.command(
    "change",
    epilog=examples(
        "gerbench models change gpt-4o --rpm 300",
        "gerbench models change gpt-4o --spec changes.json    (null in it clears a field)",
    ),
)
def change_model(
    name: Name,
    *,
    base_url: BaseUrl = None,
    model: ModelId = None,
    env: Env = None,
    credential_file: CredentialFile = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    rpd: Rpd = None,
    concurrency: Concurrency = None,
    images_per_request: Images = None,
    body_mb: BodyMb = None,
    input_price: InputPrice = None,
    output_price: OutputPrice = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    timeout: Timeout = None,
    spec: SpecFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Change a model; requests that are sent from then on go by it."""
    body = _body(read_object(spec) if spec else {}, {**locals(), "name": None})
    if not body:
        raise typer.BadParameter("say what to change, such as --rpm 300")
    with connect(data) as client:
        made = client.patch(path("models", name), body)
    _print_made(made, "is changed", as_json=as_json)


@app.command("list")
def list_models(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the models."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("models"), limit=most),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No models; name one with `gerbench models add`.",
        )


@app.command("show")
def show_model(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """Show one model."""
    with connect(data) as client:
        found = client.get(path("models", name))
    if as_json:
        print_json(found)
    else:
        screen().print(fields({**found, "credentials": credentials(found)}))


@app.command("remove")
def remove_model(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """Take a model out of use; what its runs found stays."""
    with connect(data) as client:
        client.delete(path("models", name))
    if as_json:
        print_json(None)
    else:
        screen().print(f"{name} is no longer a model; its runs stay.")


@app.command("check")
def check_model(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """Make one small call with each credential. Exits 1 unless the model answers them all."""
    with connect(data) as client:
        found = client.post(path("models", name, "check"), patient=True)
    if as_json:
        print_json(found)
    else:
        screen().print(rows(found["credentials"], CHECKS))
    if not found["ok"]:
        raise typer.Exit(1)


CHECKS = (
    Column("credential", "credential"),
    Column("answers", "ok"),
    Column("result", "result"),
    Column("status", "status", right=True),
    Column("latency", lambda item: seconds(item["latency_s"]), right=True),
    Column("cost", lambda item: money(item["cost_usd"]), right=True),
    Column("reason", "reason", wrap=True),
)

FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "base_url": ("base_url",),
    "model": ("model",),
    "rpm": ("limits", "rpm"),
    "tpm": ("limits", "tpm"),
    "rpd": ("limits", "rpd"),
    "concurrency": ("limits", "concurrency"),
    "images_per_request": ("capabilities", "images_per_request"),
    "body_mb": ("capabilities", "body_mb"),
    "input_price": ("prices", "input_per_mtok"),
    "output_price": ("prices", "output_per_mtok"),
    "max_tokens": ("max_tokens",),
    "temperature": ("temperature",),
    "timeout": ("timeout_s",),
}
"""Where each option goes in the body."""


def _body(spec: Json, options: Json) -> Json:
    """Return a spec with the options that were given set in it."""
    body = dict(spec)
    for option, place in FIELDS.items():
        value = options[option]
        if value is None:
            continue
        *parents, last = place
        target = body
        for parent in parents:
            target[parent] = dict(target.get(parent) or {})
            target = target[parent]
        target[last] = value
    credentials = [{"env": variable} for variable in options["env"] or ()]
    credentials += [{"file": str(file)} for file in options["credential_file"] or ()]
    return body | given(credentials=credentials)


def _print_made(made: Json, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    screen().print(f"{made['name']} {what}. Try it: gerbench models check {made['name']}")
