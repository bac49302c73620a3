"""The command that shows gerbench at work: `demo`."""

import os
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from gerbench.cli import show
from gerbench.cli.output import screen
from gerbench.cli.service import Data, settings_with, wait_for_signal
from gerbench.cli.watch import watch
from gerbench.client import Client, Json, connect, path
from gerbench.demo import local_model, model_from, submit
from gerbench.endpoint.launch import LocalEndpoint
from gerbench.service import Service

console = screen()


def demo(
    data: Data = None,
    port: Annotated[int, typer.Option(help="Port of the service; 0: any free one.")] = 8000,
    per_class: Annotated[
        int, typer.Option(min=1, max=10_000, help="Faces drawn of each expression.")
    ] = 100,
) -> None:
    """Evaluate a real model on real images, over REST, and print what it scores.

    The model is the network behind the local endpoint; with OPENAI_API_KEY and MODEL set, such as
    MODEL=gpt-4o, it is that one. On a terminal it keeps serving until Ctrl-C.
    """
    settings = settings_with(data)
    with ExitStack() as stack:
        model = model_from(os.environ) or local_model(stack.enter_context(LocalEndpoint()).base_url)
        service = Service(settings, host="127.0.0.1", port=port, worker=True)
        stack.callback(service.stop)
        service.start()
        console.print(f"gerbench listens on {service.url}; the model is {model['model']}")
        console.print(f"Drawing and importing {7 * per_class} faces …")
        client = stack.enter_context(connect(settings.data))
        job = watch(client, submit(client, model, per_class=per_class), console)
        _report(client, service.url, job)
        if job["status"] != "completed":
            raise typer.Exit(1)
        if sys.stdin.isatty():
            console.print("\nStill serving; Ctrl-C stops it.")
            wait_for_signal(service.alive)


def _report(client: Client, url: str, job: Json) -> None:
    """Print the figures of the job's one run, and where to go on."""
    run = job["runs"][0]["id"]
    if job["reason"]:
        console.print(f"[yellow]{job['status']}: {job['reason']}[/]")
    console.print()
    console.print(show.metrics(client.get(path("runs", run, "metrics"))))
    cost, progress = job["cost"], job["progress"]
    spent = "unknown" if cost["usd"] is None else f"${cost['usd']:.4f}"
    tokens = cost["prompt_tokens"] + cost["completion_tokens"]
    calls = f"{progress['attempts']} attempts for {progress['requests']} requests"
    console.print(f"\nCost       {spent}: {tokens:,} tokens, {calls}")
    console.print(f"API        {url}/docs")
    console.print(f"This run   {url}{path('runs', run)}/metrics")
