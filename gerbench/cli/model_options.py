"""The options that declare a model, and where each of them goes in its body."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.rules.specs import Wire
from gerbench.cli.options import given
from gerbench.client import Json

BaseUrl = Annotated[
    str | None, typer.Option(help="Where it answers, such as https://api.openai.com/v1.")
]
Preset = Annotated[
    str | None, typer.Option(help="Take what is not given from this; see `models presets`.")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the preset; repeatable."),
]
WireName = Annotated[
    Wire | None, typer.Option("--wire", help="The wire format. Default: openai-chat.")
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
AskSecret = Annotated[
    bool,
    typer.Option(
        "--ask-secret", help="Ask for an API key, or read it from a pipe; it is kept encrypted."
    ),
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

FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "base_url": ("base_url",),
    "model": ("model",),
    "wire": ("wire",),
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


def body_of(spec: Json, options: Json) -> Json:
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
    if options["ask_secret"]:
        credentials.append({"secret": _asked()})
    return body | given(credentials=credentials)


def _asked() -> str:
    """Return a secret that no list of processes and no history of commands shows."""
    if sys.stdin.isatty():
        return str(typer.prompt("API key", hide_input=True))
    return sys.stdin.readline().strip()
