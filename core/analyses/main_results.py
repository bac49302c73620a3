"""Main results: every model on every dataset, beside the baselines and the published systems."""

from typing import Any

from sqlalchemy.orm import Session

from core.analyses import figures
from core.analyses.figures import PLACE, Analysis, Cell
from core.analyses.selection import Selection, chosen
from core.rules.tables import Column, Table


class MainResults(Analysis):
    """One cell for each dataset, model and condition; repeats are averaged."""

    cells: tuple[Cell, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return one row for each cell, and one for each cell and reference."""
        references = [
            (
                *cell.cells(),
                cell.metrics[each.metric].mean,
                each.metric,
                each.system,
                each.kind,
                each.value,
                each.delta,
            )
            for cell in self.cells
            for each in cell.references
        ]
        return (
            Table("main", "Main results", _MAIN, [_row(cell) for cell in self.cells]),
            Table("references", "Beside published systems", _REFERENCES, references),
        )


_MAIN = (
    *PLACE,
    Column("runs", "count"),
    Column("samples", "count"),
    Column("answered", "share"),
    Column("metric"),
    Column("value", "share"),
    Column("95 % interval", "share", interval=True),
    Column("best supervised"),
    Column("its value", "share"),
    Column("delta", "points"),
    Column("majority", "share"),
    Column("random", "share"),
    Column("accuracy", "share"),
    Column("UAR", "share"),
    Column("weighted F1", "share"),
    Column("macro F1", "share"),
)
_REFERENCES = (
    *PLACE,
    Column("ours", "share"),
    Column("metric"),
    Column("system"),
    Column("kind"),
    Column("value", "share"),
    Column("delta", "points"),
)


def _row(cell: Cell) -> tuple[Any, ...]:
    """Return the values of `_MAIN`."""
    best = cell.best_supervised
    return (
        *cell.cells(),
        len(cell.runs),
        cell.samples,
        cell.coverage,
        cell.headline,
        cell.main.mean,
        cell.main.ci95,
        *((None, None, None) if best is None else (best.system, best.value, best.delta)),
        cell.majority,
        cell.random,
        *(cell.metrics[name].mean for name in ("accuracy", "uar")),
        *(cell.metrics[name].mean for name in ("weighted_f1", "macro_f1")),
    )


def main_results(session: Session, selection: Selection) -> MainResults:
    """Return the figures of each dataset, model and condition."""
    return MainResults(cells=tuple(figures.cells(session, chosen(session, selection))))
