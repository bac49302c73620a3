"""`gerbench draw`: datasets of our own making, to try things out on."""

from pathlib import Path
from typing import Annotated

import typer

from core.vocabulary import Task
from gerbench.cli.options import examples
from gerbench.cli.output import plain, screen
from gerbench.clips import draw_clips
from gerbench.faces import EXPRESSIONS, draw_faces
from gerbench.speech import write_utterances

draw = typer.Typer(no_args_is_help=True, help="Draw datasets to try things out on.")

MOST = 10_000

Folder = Annotated[
    Path,
    typer.Argument(metavar="FOLDER", file_okay=False, help="Where to; must be empty or new."),
]
PerClass = Annotated[int, typer.Option(min=1, max=MOST, help="Of each of the seven expressions.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed draws the same files.")]


@draw.command("faces", epilog=examples("gerbench draw faces faces/ --per-class 100"))
def faces(folder: Folder, per_class: PerClass = 100, seed: Seed = 0) -> None:
    """Draw faces, a folder for each expression."""
    _refuse_used(folder)
    draw_faces(folder, per_class, seed)
    _print_drawn(folder, per_class, "faces", Task.FACIAL_EMOTION)


@draw.command(
    "clips",
    epilog=examples("gerbench draw clips clips/", "gerbench draw clips talks/ --speech"),
)
def clips(
    folder: Folder,
    per_class: PerClass = 10,
    seed: Seed = 0,
    speech: Annotated[
        bool, typer.Option("--speech", help="And write what is said, into manifest.csv.")
    ] = False,
) -> None:
    """Draw videos of faces that move to an expression, a folder for each expression."""
    _refuse_used(folder)
    draw_clips(folder, per_class, seed)
    if speech:
        write_utterances(folder, per_class, seed)
        _print_drawn(folder, per_class, "talks", Task.MULTIMODAL_EMOTION)
    else:
        _print_drawn(folder, per_class, "clips", Task.DYNAMIC_FACIAL_EMOTION)


def _refuse_used(folder: Path) -> None:
    """Refuse a folder that holds something: old files would be among the new ones."""
    if folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter(f"{folder} is not empty; name a new folder")


def _print_drawn(folder: Path, per_class: int, what: str, task: Task) -> None:
    count = per_class * len(EXPRESSIONS)
    console = screen()
    console.print(plain(f"{count} {what} of {len(EXPRESSIONS)} expressions in {folder}"))
    console.print(
        plain(f"\nNext: gerbench datasets import {folder} --name drawn-{what} --task {task}"),
        soft_wrap=True,
    )
