"""Options that commands share, and the readers of their values."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from gerbench.client import Client, ClientError, Json, path

AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON, lists as one array.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data folder of the service that is meant; else GERBENCH_URL, GERBENCH_DATA or ./var.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Show at most N. Default: 50 on a screen, all as JSON."),
]
SpecFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The fields as JSON, - for stdin; options win over it.",
    ),
]


def examples(*lines: str) -> str:
    """Return examples as the last lines of a command's help."""
    return "\n\n".join(("Examples:", *(f"  {line}" for line in lines)))


def read_object(file: Path) -> Json:
    """Return the JSON object in a file; `-` is standard input."""
    piped = str(file) == "-"
    name = "standard input" if piped else str(file)
    try:
        found = json.loads(sys.stdin.read() if piped else file.read_text("utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise typer.BadParameter(f"{name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{name} holds JSON, but no object")
    return found


def given(**values: Any) -> Json:
    """Return the options that were given: neither None nor empty."""
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Return `key=value` texts as a mapping."""
    split = [text.partition("=") for text in texts]
    for key, sign, _ in split:
        if not (key and sign):
            raise typer.BadParameter(f"{key!r} is not of the form key=value", param_hint=option)
    return {key: value for key, _, value in split}


def full_id(client: Client, kind: str, text: str, *, place: str = "", hint: str = "") -> str:
    """Return the id that is meant by its first characters.

    `place` is the path that lists what there is, and `hint` the command that does, where they are
    not those of the kind.
    """
    try:
        return str(UUID(text))
    except ValueError:
        found = [
            item["id"]
            for item in client.items(place or path(kind))
            if text and item["id"].startswith(text.lower())
        ]
    if len(found) == 1:
        return str(found[0])
    if not found:
        listing = hint or f"gerbench {kind} list"
        raise ClientError(f"none of the {kind} begins with {text!r}; see `{listing}`")
    raise ClientError(f"{len(found)} {kind} begin with {text!r}: {', '.join(found[:5])}")
