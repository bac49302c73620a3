"""What the benchmark page makes of the main results: the grid, and the order of tables."""

import pytest

from api.pages.analyses import grid, ordered
from core.analyses.main_results import main_results
from core.analyses.selection import Selection
from core.db import Database
from core.rules.tables import Column, Table
from tests import rows

TABLE = Table(
    "t", "T", (Column("name"), Column("value", "share")), [("b", 0.5), ("a", None), ("c", 0.1)]
)


def test_the_best_condition_of_a_dataset_stands_for_it(database: Database) -> None:
    with database.write.begin() as session:
        dataset = rows.dataset(session, 3)
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        rows.finished(session, job, ["anger", "anger", "anger"], color="rgb")
        best = rows.finished(session, job, ["anger", "happiness", "anger"], color="gray")
        none = rows.finished(session, job, [None, None, None], color="grayscale")

    with database.read() as session:
        ((first, row),) = grid(main_results(session, Selection()).cells)

    assert first.runs == (best.id,)
    assert {run for cell in row["local"] for run in cell.runs} >= {best.id, none.id}


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (None, "bac"),
        ("t.name", "abc"),
        ("-t.name", "cba"),
        ("t.value", "cba"),
        ("-t.value", "bca"),
        ("t.nothing", "bac"),
        ("other.name", "bac"),
        ("", "bac"),
    ],
)
def test_a_table_is_sorted_by_a_column_and_what_has_no_value_is_last(
    sort: str | None, names: str
) -> None:
    assert "".join(row[0] for row in ordered(TABLE, sort)) == names
