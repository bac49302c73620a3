"""Cases that one run has right and another has wrong, on each kind of database."""

from uuid import uuid4

import pytest

from core.analyses.cases import CaseFilter, cases
from core.analyses.comparing import pairwise
from core.analyses.selection import Selection
from core.db import Database
from core.errors import NotFound
from core.tables import Job, Run
from tests import rows
from tests.core.analyses.conftest import A, H, S


@pytest.fixture
def two(database: Database, job: Job) -> tuple[Run, Run]:
    """Over the targets A H S A H S: right in 0 1 2, and in 0 3 5; the second refused 4."""
    with database.write.begin() as session:
        first = rows.finished(session, job, [A, H, S, H, A, A])
        return first, rows.finished(session, job, [A, A, H, A, None, S], repeat=2)


def names(database: Database, of: Run, against: Run, right: bool | None) -> list[str]:
    with database.read() as session:
        wanted = CaseFilter(right=right, against=against.id)
        found = cases(session, Selection((of.id,)), wanted, after=None, limit=50)
    return [case.sample for case in found.rows]


def test_cases_against_another_run_are_those_that_only_one_has_right(
    database: Database, two: tuple[Run, Run]
) -> None:
    first, second = two

    assert names(database, first, second, right=True) == ["s00001", "s00002"]
    assert names(database, first, second, right=False) == ["s00003", "s00005"]
    assert names(database, second, first, right=True) == ["s00003", "s00005"]
    assert names(database, first, second, right=None) == ["s00001", "s00002", "s00003", "s00005"]


def test_they_are_as_many_as_the_comparison_counts(
    database: Database, two: tuple[Run, Run]
) -> None:
    with database.read() as session:
        (pair,) = pairwise(session, Selection(tuple(run.id for run in two))).pairs
    by_id = {run.id: run for run in two}
    first, second = by_id[pair.compared.first], by_id[pair.compared.second]

    assert len(names(database, first, second, right=True)) == pair.compared.only_first
    assert len(names(database, second, first, right=True)) == pair.compared.only_second


def test_a_run_that_is_not_there_is_not_compared_with(
    database: Database, two: tuple[Run, Run]
) -> None:
    with database.read() as session:
        for_nobody = CaseFilter(against=uuid4())
        with pytest.raises(NotFound):
            cases(session, Selection((two[0].id,)), for_nobody, after=None, limit=5)
