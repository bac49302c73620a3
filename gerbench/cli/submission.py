"""The options that make the body of a job, shared by all commands that send one."""

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from core.vocabulary import Color, Detail, Dispatch, Modality
from gerbench.cli.options import given, pairs, read_object
from gerbench.client import Json

Dataset = Annotated[str | None, typer.Option(metavar="NAME[@VERSION]", help="Imported before.")]
Models = Annotated[list[str] | None, typer.Option(help="Repeatable.")]
Modalities = Annotated[
    list[Modality] | None, typer.Option(help="Default: the dataset's own; repeatable.")
]
Templates = Annotated[list[str] | None, typer.Option(metavar="NAME[@VERSION]", help="Repeatable.")]
Frames = Annotated[list[int] | None, typer.Option(min=1, help="Frames of each video; repeatable.")]
Colors = Annotated[list[Color] | None, typer.Option(help="Repeatable.")]
Details = Annotated[list[Detail] | None, typer.Option(help="Repeatable.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Runs of each kind. Default: 1.")]
BatchSize = Annotated[
    list[int] | None,
    typer.Option(min=1, help="Samples in a request. Default: by modality; repeatable."),
]
SampleLimit = Annotated[
    int | None, typer.Option(min=1, help="Only so many samples, drawn by the seed.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the samples' order.")]
HowSent = Annotated[
    Dispatch | None,
    typer.Option("--dispatch", help="batch: in files, cheaper, within a day. Default: online."),
]
Priority = Annotated[int | None, typer.Option(help="Higher goes first. Default: 0.")]
BudgetUsd = Annotated[
    float | None, typer.Option(min=0, metavar="USD", help="Spend no more. Default: no bound.")
]
BudgetRequests = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Make no more calls, each retry one. Default: no bound."),
]
Tags = Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Repeatable.")]
WebhookUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Told when it ends, pauses, stalls or reaches a budget."),
]
JobFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The whole job as JSON, - for stdin."),
]


def takes_job(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a job, ahead of its own; it gets what they make as `body`."""
    options = signature(job_body).parameters
    own = [each for each in signature(command).parameters.values() if each.name != "body"]

    @wraps(command)
    def with_options(**values: Any) -> None:
        body = job_body(**{name: values.pop(name) for name in options})
        command(body=body, **values)

    parameters = [*options.values(), *own]
    # What typer reads the options from.
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def job_body(
    *,
    dataset: Dataset = None,
    model: Models = None,
    modality: Modalities = None,
    template: Templates = None,
    frames: Frames = None,
    color: Colors = None,
    detail: Details = None,
    repeats: Repeats = None,
    batch_size: BatchSize = None,
    limit: SampleLimit = None,
    seed: Seed = None,
    dispatch: HowSent = None,
    priority: Priority = None,
    budget_usd: BudgetUsd = None,
    budget_requests: BudgetRequests = None,
    tag: Tags = None,
    webhook_url: WebhookUrl = None,
    file: JobFile = None,
) -> Json:
    """Return the body of a job, from options or from a file."""
    conditions = given(
        modality=modality, template=template, frames=frames, color=color, detail=detail
    )
    options = given(
        dataset=dataset,
        models=model,
        conditions=conditions,
        repeats=repeats,
        batch_size=batch_size[0] if batch_size and len(batch_size) == 1 else batch_size,
        sample_limit=limit,
        seed=seed,
        dispatch=dispatch,
        priority=priority,
        budget_usd=budget_usd,
        budget_requests=budget_requests,
        tags=pairs(tag or (), "--tag"),
        webhook_url=webhook_url,
    )
    if file is not None:
        if options:
            raise typer.BadParameter("--file holds the whole job: give no other part of it")
        return read_object(file)
    for required, option in (("dataset", "--dataset"), ("models", "--model")):
        if required not in options:
            raise typer.BadParameter(f"give {option}, or the whole job as --file")
    return options
