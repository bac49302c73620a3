"""What a saved view is: a selection of runs, and the panels that show what they say together."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from core.rules.specs import Spec
from core.vocabulary import Task

MAX_PANELS = 20
MAX_NAMED = 500
"""Runs that a selection names one by one."""

PanelName = Literal[
    "main",
    "temporal",
    "fusion",
    "templates",
    "color",
    "stability",
    "pairwise",
    "classes",
    "refusals",
    "position",
]
"""The analyses that a panel may show. Cases are none: they show media and what models said."""


def _address(name: str) -> str:
    """Return a name that can stand for a view in an address; raises ValueError for another."""
    if not name.isprintable():
        raise ValueError("must be one line of printable characters")
    if "/" in name or name in {".", ".."}:
        raise ValueError("must be no path: leave `/` out")
    try:
        UUID(name)
    except ValueError:
        return name
    raise ValueError("looks like an id; choose a name that people can read")


DashboardName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80, strip_whitespace=True),
    AfterValidator(_address),
    Field(description="One line; no two views of a team have the same"),
]


class RunSelection(Spec):
    """The runs that a view is over, as analyses take them."""

    runs: tuple[UUID, ...] = Field(
        (), max_length=MAX_NAMED, description="These runs, wherever they stand"
    )
    job: UUID | None = None
    dataset: str | None = Field(None, max_length=200, description="name or name@version")
    model: str | None = Field(None, max_length=200)
    task: Task | None = None


class Panel(Spec):
    """One analysis of a view: its figure, its tables, or both."""

    analysis: PanelName
    figure: bool = True
    tables: tuple[Annotated[str, StringConstraints(max_length=40)], ...] | None = Field(
        None, max_length=10, description="By name, as in `?table=`; null: all; []: none"
    )
    by: Literal["condition", "task"] | None = Field(
        None, description="classes alone; null: condition"
    )
    normalise: Literal["rows", "columns", "counts"] | None = Field(
        None, description="classes alone: what the cells of its figure show; null: rows"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.figure and self.tables == ():
            raise ValueError("shows nothing: ask for its figure, or for tables")
        if self.analysis != "classes" and (self.by or self.normalise):
            raise ValueError("by and normalise are for classes alone")
        return self


class DashboardSpec(Spec):
    """A saved view as it is declared."""

    name: DashboardName
    selection: RunSelection = RunSelection()
    panels: tuple[Panel, ...] = Field(min_length=1, max_length=MAX_PANELS)
