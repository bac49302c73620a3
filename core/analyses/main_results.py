"""Main results: every model on every dataset, beside the baselines."""

from sqlalchemy.orm import Session

from core.analyses import figures
from core.analyses.figures import PLACE, Analysis, Cell
from core.analyses.selection import Selection, chosen
from core.rules.tables import Column, Table


class MainResults(Analysis):
    """One cell for each dataset, model and condition; repeats are averaged."""

    cells: tuple[Cell, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return one row for each cell."""
        columns = (
            *PLACE,
            Column("runs", "count"),
            Column("samples", "count"),
            Column("answered", "share"),
            Column("metric"),
            Column("value", "share"),
            Column("95 % interval", "share", interval=True),
            Column("majority", "share"),
            Column("random", "share"),
            Column("accuracy", "share"),
            Column("UAR", "share"),
            Column("weighted F1", "share"),
            Column("macro F1", "share"),
        )
        rows = [
            (
                *cell.cells(),
                len(cell.runs),
                cell.samples,
                cell.coverage,
                cell.headline,
                cell.main.mean,
                cell.main.ci95,
                cell.majority,
                cell.random,
                *(cell.metrics[name].mean for name in ("accuracy", "uar")),
                *(cell.metrics[name].mean for name in ("weighted_f1", "macro_f1")),
            )
            for cell in self.cells
        ]
        return (Table("main", "Main results", columns, rows),)


def main_results(session: Session, selection: Selection) -> MainResults:
    """Return the figures of each dataset, model and condition."""
    return MainResults(cells=tuple(figures.cells(session, chosen(session, selection))))
