"""Runs the endpoint as a process: `python -m gerbench.endpoint`."""

import typer

from gerbench.cli.endpoint import endpoint

typer.run(endpoint)
