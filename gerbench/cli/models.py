"""`gerbench models`: name endpoints and say how they may be used."""

from collections.abc import Callable
from itertools import islice
from typing import Annotated

import typer

from gerbench.cli.model_options import (
    AskSecret,
    BaseUrl,
    BodyMb,
    Concurrency,
    CredentialFile,
    Env,
    Images,
    InputPrice,
    MaxTokens,
    ModelId,
    OutputPrice,
    Parameters,
    Preset,
    Rpd,
    Rpm,
    Temperature,
    Timeout,
    Tpm,
    WireName,
    body_of,
)
from gerbench.cli.options import (
    AsJson,
    Data,
    Limit,
    SpecFile,
    examples,
    given,
    pairs,
    read_object,
)
from gerbench.cli.output import Column, fields, print_items, print_json, rows, screen
from gerbench.cli.progress import money, seconds
from gerbench.client import Json, connect, path

app = typer.Typer(no_args_is_help=True, help="Name endpoints and say how they may be used.")


def credentials(item: Json) -> str:
    """Return where a model's secrets are, and which of them are not there."""
    return ", ".join(
        (one.get("env") or one.get("file") or f"stored {one.get('stored', '?')}")
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


def parameters_of(item: Json) -> str:
    """Return a preset's parameters, with the value of those that have one by default."""
    return ", ".join(
        name + (f" = {each['default']}" if each["default"] else "")
        for name, each in item["parameters"].items()
    )


PRESETS = (
    Column("preset", "name"),
    Column("wire", "wire"),
    Column("address", "base_url", wrap=True),
    Column("parameters", parameters_of, wrap=True),
    Column("credential", "credential"),
    Column("images", "capabilities.images_per_request", right=True),
)

Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command(
    "add",
    epilog=examples(
        "gerbench models add --name gpt-4o --base-url https://api.openai.com/v1"
        " --model gpt-4o --env OPENAI_API_KEY --rpm 500 --input-price 2.5 --output-price 10",
        "gerbench models add --name gpt-4o --preset azure --set resource=ours --set deployment=eu"
        " --model gpt-4o",
        "gerbench models add --spec model.json",
    ),
)
def add_model(
    *,
    name: Annotated[str | None, typer.Option(help="What jobs call it.")] = None,
    preset: Preset = None,
    parameters: Parameters = None,
    base_url: BaseUrl = None,
    model: ModelId = None,
    wire: WireName = None,
    env: Env = None,
    credential_file: CredentialFile = None,
    ask_secret: AskSecret = False,
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
    """Name an endpoint. Its API keys stay where --env and --credential-file say they are.

    A --preset knows a provider's address, headers and limits of size; `gerbench models presets`
    lists them.
    """
    body = body_of(read_object(spec) if spec else {}, locals())
    body |= given(preset=preset, parameters=pairs(parameters or (), "--set"))
    for required in ("name", "base_url", "model"):
        if required not in body and not (required == "base_url" and "preset" in body):
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
    wire: WireName = None,
    env: Env = None,
    credential_file: CredentialFile = None,
    ask_secret: AskSecret = False,
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
    body = body_of(read_object(spec) if spec else {}, {**locals(), "name": None})
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


@app.command("presets")
def list_presets(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List what is known of providers, and what each preset needs to be --set."""
    with connect(data) as client:
        print_items(
            lambda most: islice(client.get(path("models", "presets"))["items"], most),
            PRESETS,
            as_json=as_json,
            limit=limit,
            none="No presets.",
        )


@app.command("show")
def show_model(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """Show one model."""
    with connect(data) as client:
        found = client.get(path("models", name))
    if as_json:
        print_json(found)
    else:
        shown = screen()
        own = {k: v for k, v in found.items() if k not in {"standing", "advice"}}
        shown.print(fields({**own, "credentials": credentials(found)}))
        if found["standing"]:
            shown.print(rows(found["standing"], STANDING))
        for sentence in found["advice"]:
            shown.print(sentence)


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


def used(limit: str) -> Callable[[Json], str]:
    """Return what shows how much of a limit is used, and what was told where that differs."""

    def show(item: Json) -> str:
        of = item[limit]
        told = "" if of["told"] in {None, of["configured"]} else f" (told {of['told']:,})"
        return f"{of['used']:,} of {'?' if of['kept'] is None else format(of['kept'], ',')}{told}"

    return show


STANDING = (
    Column("credential", "credential", wrap=True),
    Column("health", "health"),
    Column("until", "until"),
    Column("under way", lambda item: f"{item['in_flight']} of {item['concurrency']}", right=True),
    Column("a minute", used("rpm"), right=True),
    Column("tokens a minute", used("tpm"), right=True),
    Column("a day", used("rpd"), right=True),
    Column("reason", "reason", wrap=True),
)

CHECKS = (
    Column("credential", "credential"),
    Column("answers", "ok"),
    Column("result", "result"),
    Column("status", "status", right=True),
    Column("latency", lambda item: seconds(item["latency_s"]), right=True),
    Column("cost", lambda item: money(item["cost_usd"]), right=True),
    Column("reason", "reason", wrap=True),
)


def _print_made(made: Json, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    screen().print(f"{made['name']} {what}. Try it: gerbench models check {made['name']}")
