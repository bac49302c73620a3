"""The root of the command line: what failures look like, and commands that load when called."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from core.errors import DomainError
from gerbench.cli.output import FAULTS, plain, rows, screen
from gerbench.client import ApiProblem, ClientError


class Deferred(TyperCommand):
    """A command whose module is imported when it is called.

    The service, the worker and the network behind the endpoint take seconds to import; a
    `gerbench jobs list` should not wait for them. The module's function or typer application of
    this command's name is the command.
    """

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name=name, help=summary, callback=None, params=[])
        self.module = module

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Return the context of the real command."""
        return self._load().make_context(info_name, args, parent, **extra)

    def _load(self) -> Any:
        with _uncollected():
            found = getattr(import_module(self.module), str(self.name))
        if isinstance(found, typer.Typer):
            return get_command(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return get_command(alone)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage: an import makes hardly any, and looking is a quarter of its time.

    What was made lives as long as the process, so it is not looked at later either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Front(TyperGroup):
    """The root group: turns expected failures into a message and exit code 1."""

    deferred: ClassVar[tuple[Deferred, ...]] = ()

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for command in self.deferred:
            self.add_command(command)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is asked for."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (ClientError, DomainError) as error:
            _say(error)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            screen(stderr=True).print(plain(f"gerbench: {where}{error.strerror or error}"))
        raise typer.Exit(1)


def _say(error: ClientError | DomainError) -> None:
    """Print a failure, and the report that came with it."""
    console = screen(stderr=True)
    console.print("\n".join(map(plain, f"gerbench: {error}".split("\n"))), soft_wrap=True)
    members = error.members if isinstance(error, ApiProblem) else getattr(error, "details", {})
    report = members.get("report")
    if isinstance(report, Mapping) and report.get("errors"):
        console.print(rows(report["errors"], FAULTS))
        console.print("Nothing was imported.")
