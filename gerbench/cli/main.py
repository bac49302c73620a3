"""`gerbench`: every command under one name."""

import io
import os
import sys
from typing import Annotated

import typer

from core import __version__
from gerbench.cli import (
    analyses,
    benchmark,
    datasets,
    jobs,
    keys,
    models,
    runs,
    teams,
    templates,
)
from gerbench.cli.front import Deferred, Front


class Gerbench(Front):
    """The commands that take long to import are named here and imported when called."""

    deferred = (
        Deferred("up", "gerbench.cli.service", "Run the service: API, worker and clock."),
        Deferred("demo", "gerbench.cli.demo", "See a real model evaluated on real images."),
        Deferred("worker", "gerbench.cli.service", "Work on jobs, in a process of its own."),
        Deferred("beat", "gerbench.cli.service", "Keep the queue moving."),
        Deferred("endpoint", "gerbench.cli.endpoint", "Serve the local endpoint."),
        Deferred("draw", "gerbench.cli.draw", "Draw datasets to try things out on."),
        Deferred("db", "gerbench.cli.db", "The database: schema, backups."),
        Deferred("doctor", "gerbench.cli.doctor", "Look at an installation; say what to do."),
    )


app = typer.Typer(
    name="gerbench",
    cls=Gerbench,
    no_args_is_help=True,
    # Typer's own tracebacks show the values of variables, API keys among them.
    pretty_exceptions_enable=False,
    help="Evaluate vision-language models on Generalized Emotion Recognition.",
)
app.add_typer(datasets.app, name="datasets")
app.add_typer(models.app, name="models")
app.add_typer(templates.app, name="templates")
app.add_typer(jobs.app, name="jobs")
app.add_typer(runs.app, name="runs")
app.add_typer(keys.app, name="keys")
app.add_typer(teams.app, name="teams")
app.command("import-benchmark")(benchmark.import_benchmark)
app.command("analyses", epilog=analyses.EXAMPLES)(analyses.analyses)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"gerbench {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Evaluate vision-language models on Generalized Emotion Recognition.

    Commands find the service by GERBENCH_URL and GERBENCH_API_KEY, else in the data folder of the
    `gerbench up` that runs on this machine: GERBENCH_DATA, or ./var.
    """


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
