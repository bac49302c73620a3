"""`gerbench endpoint`: one option for each field of `EndpointOptions`."""

import inspect
from typing import Annotated, Any, get_origin

import typer
from pydantic.fields import FieldInfo

from gerbench.endpoint.launch import serve
from gerbench.endpoint.options import EndpointOptions


def parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return a field as typer takes it: a keyword with type, default and help."""
    kind: Any = field.annotation
    default = field.default
    if get_origin(kind) is tuple:
        kind, default = list[str], []
    option = typer.Option(help=field.description)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )


def endpoint(**flags: Any) -> None:
    """Serve the local endpoint: a real model, an OpenAI-compatible server, and its faults.

    Prints its address once it listens. Every fault, refusal and limit is off unless asked for.
    """
    try:
        options = EndpointOptions(**{name: flags[name] for name in EndpointOptions.model_fields})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    serve(options, announce=lambda line: print(line, flush=True))


endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [parameter(name, field) for name, field in EndpointOptions.model_fields.items()]
)
