"""Sheets: what is stored of a run's predictions is what they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from core import closing, progress, runs, sheets
from core.analyses import answers
from core.analyses.position import position
from core.analyses.selection import Selection
from core.analyses.stability import stability
from core.db import Database
from core.rules.states import Status
from core.sheets import NO_SLOT, Sheet
from core.tables import Job, Prediction, Run, Sample, Score
from core.vocabulary import Outcome
from tests import rows

A, H, S = rows.LABELS


def lists(sheet: Sheet) -> list[list[int]]:
    parts = (sheet.samples, sheet.answers, sheet.slots, sheet.batches)
    return [part.tolist() for part in parts]


small = st.integers(0, NO_SLOT)


@given(
    st.dictionaries(st.integers(0, 2**40), st.tuples(small, small, small), max_size=30).map(
        lambda held: sorted(held.items())
    )
)
def test_a_sheet_is_read_back_as_it_was_written(held: list[tuple[int, tuple[int, ...]]]) -> None:
    columns = [[sample for sample, _ in held], *([v[i] for _, v in held] for i in range(3))]
    sheet = Sheet(*(np.array(column, dtype=np.int64) for column in columns))

    assert lists(Sheet.from_bytes(sheet.to_bytes())) == columns


@pytest.fixture
def run(database: Database) -> Run:
    with database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 6), rows.model(session), rows.template(session)
        )
        return rows.finished(session, job, [S, A, "joy", None, H, H], batch_size=4)


def stored(database: Database, run: Run) -> Sheet:
    with database.read() as session:
        found = session.scalar(
            select(Score.sheet).where(Score.run_id == run.id, closing.is_newest())
        )
    assert found is not None
    return Sheet.from_bytes(found)


def test_a_sheet_holds_answers_and_slots_by_sample(database: Database, run: Run) -> None:
    with database.read() as session:
        ids = session.scalars(select(Sample.id).order_by(Sample.id)).all()

    assert lists(stored(database, run)) == [
        list(ids),
        [2, 0, 3, 4, 1, 1],
        [0, 1, 2, 3, 0, 1],
        [4] * 6,
    ]


def test_a_slot_that_is_not_known_is_none_of_a_batch(database: Database, run: Run) -> None:
    with database.write.begin() as session:
        session.execute(update(Prediction).values(slot=None, batch=None))
        sheet = sheets.now(session, [run.id], rows.LABELS)[run.id]

    assert set(sheet.slots.tolist()) == set(sheet.batches.tolist()) == {NO_SLOT}


def test_a_run_without_predictions_has_an_empty_sheet(database: Database, run: Run) -> None:
    with database.write.begin() as session:
        session.execute(delete(Prediction))
        sheet = sheets.now(session, [run.id], rows.LABELS)[run.id]

    assert lists(sheet) == [[], [], [], []]


def test_analyses_read_the_sheet_and_not_the_predictions(database: Database, run: Run) -> None:
    with database.write.begin() as session:
        details = progress.of_runs(session, [run])
        before = answers.of_runs(session, details).given.tolist()
        session.execute(update(Prediction).values(label=None, outcome=Outcome.FAILED))

        assert answers.of_runs(session, details).given.tolist() == before
        session.execute(update(Score).values(sheet=None))
        assert answers.of_runs(session, details).given.tolist() == [[-1] * 6]


def test_without_a_sheet_every_figure_is_the_same(database: Database, run: Run) -> None:
    with database.write.begin() as session:
        job = session.query(Run).filter(Run.id == run.id).one().job_id
        again = rows.finished(session, session.get_one(Job, job), [S, H, S, A, None, H], repeat=2)
        named = Selection(runs=(run.id, again.id))
        before = stability(session, named), position(session, named)
        session.execute(update(Score).values(sheet=None))

        assert (stability(session, named), position(session, named)) == before


def test_a_run_that_is_retried_is_read_from_its_predictions(database: Database, run: Run) -> None:
    with database.write.begin() as session:
        held = session.get_one(Run, run.id)
        session.execute(
            update(Prediction)
            .where(Prediction.run_id == run.id, Prediction.label == A)
            .values(label=None, outcome=Outcome.FAILED)
        )
        held.answered, held.failed = 4, 1
        session.flush()
        assert runs.retry(session, held, now=rows.LATER)
        session.refresh(held)
        assert held.status is Status.RUNNING
        (given,) = answers.of_runs(session, progress.of_runs(session, [held])).given.tolist()

    assert given == [2, 3, -1, 1, 1]
