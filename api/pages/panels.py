"""Panels of a saved view: each an analysis over its runs, as a figure and tables."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from fastapi import BackgroundTasks

from api.kept import answered
from api.pages.analyses import KINDS, Kind, Listed, listed
from core.analyses.classes import classes
from core.analyses.figures import Analysis
from core.dashboards import selected
from core.db import Database
from core.errors import DomainError
from core.figures.drawing import Form, Look, Normalise, drawn
from core.rules.dashboards import DashboardSpec, Panel, RunSelection
from core.rules.tables import Table

DRAWINGS = 32
"""Figures that a process remembers: to draw one takes longer than all else on its page."""


@dataclass(frozen=True)
class Shown:
    """A panel as it stands on a page."""

    panel: Panel
    kind: Kind
    tables: tuple[Listed, ...] = ()
    fault: str | None = None
    """Why there is nothing to see."""

    @property
    def fields(self) -> dict[str, Any]:
        """Return what the address of its analysis has beyond the runs."""
        given = {"by": self.panel.by, "normalise": self.panel.normalise}
        return {name: value for name, value in given.items() if value is not None}


class Panels:
    """The panels of a view, computed for whoever sees the database so."""

    def __init__(
        self, database: Database, spec: DashboardSpec, background: BackgroundTasks
    ) -> None:
        self._database = database
        self._spec = spec
        self._background = background

    def shown(self, *, verbatim: bool = True) -> list[Shown]:
        """Return every panel; one that cannot be computed says why.

        Without `verbatim` no table has what a provider said.
        """
        return [self._shown(panel, verbatim=verbatim) for panel in self._spec.panels]

    def figure(self, panel: Panel) -> bytes:
        """Return the figure of a panel as SVG. Raises InvalidInput where it would be too large."""
        shows = Normalise(panel.normalise) if panel.normalise else Normalise.ROWS
        return _drawn(KINDS[panel.analysis].analysis, self._body(panel), shows)

    def _shown(self, panel: Panel, *, verbatim: bool) -> Shown:
        kind = KINDS[panel.analysis]
        try:
            found = kind.analysis.model_validate_json(self._body(panel))
        except DomainError as error:
            return Shown(panel, kind, fault=str(error))
        tables = [table for table in _wanted(found.tables(), panel) if table.rows]
        given = tables if verbatim else [_without_words(table) for table in tables]
        return Shown(panel, kind, tuple(listed(table, None) for table in given))

    def _body(self, panel: Panel) -> bytes:
        kind = KINDS[panel.analysis]
        compute, arguments = _computed(panel, kind)
        return answered(
            self._database,
            selected(self._spec.selection),
            compute,
            (panel.analysis, arguments),
            background=self._background,
        )


def query_of(selection: RunSelection) -> dict[str, Any]:
    """Return a selection as the fields of an analysis' address."""
    given = selection.model_dump(mode="json", exclude={"runs"})
    fields = {"run": [str(run) for run in selection.runs], **given}
    return {name: value for name, value in fields.items() if value}


def _computed(panel: Panel, kind: Kind) -> tuple[Callable[..., Any], Mapping[str, str]]:
    """Return what computes a panel, and the arguments that tell it from others."""
    if panel.analysis == "classes":
        by = panel.by or "condition"
        return partial(classes, by=by), {"by": by}
    return kind.compute, dict(kind.arguments)


def _wanted(tables: Iterable[Table], panel: Panel) -> list[Table]:
    return [table for table in tables if panel.tables is None or table.name in panel.tables]


def _without_words(table: Table) -> Table:
    """Return a table without what a provider said."""
    keep = [place for place, column in enumerate(table.columns) if not column.verbatim]
    columns = tuple(table.columns[place] for place in keep)
    return replace(
        table, columns=columns, rows=[[row[place] for place in keep] for row in table.rows]
    )


@lru_cache(maxsize=DRAWINGS)
def _drawn(kind: type[Analysis], body: bytes, normalise: Normalise) -> bytes:
    """Return a figure; the same answer always gives the same one."""
    return drawn(kind.model_validate_json(body), Look(Form.SVG, normalise=normalise))
