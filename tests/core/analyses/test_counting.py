"""Analyses that count: main, classes, refusals, position, cases; on each kind of database."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from core import builtin, closing
from core.analyses.cases import Case, CaseFilter, cases
from core.analyses.classes import classes
from core.analyses.main_results import main_results
from core.analyses.position import position
from core.analyses.refusals import refusals
from core.analyses.selection import Selection
from core.db import Database
from core.tables import Attempt, Job, Prediction, Request, Run, Score
from core.vocabulary import Cause, Outcome, Result
from tests import rows
from tests.core.analyses.conftest import A, H, S, lone_sample


def test_main_results_average_repeats_and_tell_coverage(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        rows.finished(session, job, [A, H, S, A, H, S])
        rows.finished(session, job, [A, A, A, A, None, None], repeat=2)
        rows.finished(session, lone_sample(session), [A])
        lone, moods = main_results(session, Selection()).cells

    assert (lone.dataset.partition("@")[0], len(lone.runs)) == ("lone", 1)
    assert lone.metrics["accuracy"].mean == 1.0
    assert (moods.samples, moods.refused, moods.coverage) == (12, 2, 10 / 12)
    accuracy = moods.metrics["accuracy"]
    assert accuracy.mean == pytest.approx(0.75)
    assert accuracy.sd == pytest.approx(0.5 / 2**0.5)
    assert (moods.majority, moods.random) == pytest.approx((1 / 3, 1 / 3))


def test_main_results_stand_beside_published_systems(database: Database) -> None:
    known = builtin.benchmarks()["enterface"].spec()
    with database.write.begin() as session:
        dataset = rows.dataset(session, 6, **known.model_dump(exclude={"files"}))
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        rows.finished(session, job, [A, H, S, A, A, A])
        rows.finished(session, job, [A, H, S, A, H, H], repeat=2)
        found = main_results(session, Selection())

    (cell,) = found.cells
    deltas = {(r.system, r.metric): r.delta for r in cell.references}
    assert deltas["GPT-4V", "accuracy"] == pytest.approx((4 / 6 + 5 / 6) / 2 - 0.3328)
    assert deltas["GPT-4V", "uar"] == pytest.approx((4 / 6 + 5 / 6) / 2 - 0.3311)
    best = cell.best_supervised
    assert best is not None
    assert (best.kind, best.metric, best.system) == ("supervised", "accuracy", "MAE-DFER")
    main, references = found.tables()
    shown = dict(zip([c.head for c in main.columns], main.rows[0], strict=True))
    assert (shown["best supervised"], shown["its value"]) == (best.system, best.value)
    assert shown["delta"] == pytest.approx(0.75 - best.value)
    assert len(references.rows) == len(cell.references) > 6


def test_confusions_are_added_and_normalised_both_ways(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        rows.finished(session, job, [A, A, S, A, H, "joy"])
        rows.finished(session, job, [A, A, S, H, None, S], repeat=2)
        (found,) = classes(session, Selection()).matrices
        (task,) = classes(session, Selection(), by="task").matrices

    assert found.columns == (A, H, S, "out_of_vocabulary", "refused", "unparsed", "failed")
    assert found.counts == ((3, 1, 0, 0, 0, 0, 0), (2, 1, 0, 0, 1, 0, 0), (0, 0, 3, 1, 0, 0, 0))
    assert found.by_row[0][:3] == (0.75, 0.25, 0.0)
    assert found.by_column[0][0] == 3 / 5
    assert found.by_column[0][5] is None
    assert [c.recall for c in found.per_class] == pytest.approx([3 / 4, 1 / 3, 3 / 4])
    worst = found.confused[0]
    assert (worst.target, worst.label, worst.count) == (H, A, 2)
    assert worst.share == pytest.approx(2 / 3)
    assert (task.dataset, task.counts) == (None, found.counts)


def test_refusals_are_shares_a_ledger_and_money(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        first = rows.finished(session, job, [A, None, S, A, H, None])
        rows.finished(session, job, [A, None, S, A, H, S], template="brief@1")
        _refused_attempt(session, first)
        found = refusals(session, Selection())

    by_template = {share.template: share for share in found.shares}
    plain = by_template["plain@1"]
    assert (plain.samples, plain.refused, plain.share) == (6, 2, 2 / 6)
    assert (plain.extra_requests, plain.refused_attempts, plain.refused_usd) == (1, 1, None)
    assert by_template["brief@1"].refused == 1
    assert found.refused_samples == 2
    assert [(one.name, one.refused, one.asked) for one in found.ledger] == [
        ("s00001", 2, 2),
        ("s00005", 1, 2),
    ]
    assert found.ledger[1].reason == "content policy"


def _refused_attempt(session: Session, run: Run) -> None:
    """Let the last sample of a run have been refused in a request of its own."""
    request = Request(run_id=run.id, sample_ids=[], cause=Cause.REFUSAL, not_before=rows.NOW)
    session.add(request)
    session.flush()
    attempt = Attempt(
        request_id=request.id,
        run_id=run.id,
        number=1,
        credential="anonymous",
        result=Result.REFUSED,
        sent_at=rows.NOW,
        finished_at=rows.NOW,
        sent={},
        sent_sha256="0" * 64,
        reason="content policy",
    )
    session.add(attempt)
    session.flush()
    last = (
        session.query(Prediction)
        .filter(Prediction.run_id == run.id)
        .order_by(Prediction.sample_id.desc())
    ).first()
    assert last is not None
    last.attempt_id = attempt.id
    session.flush()


def test_slots_are_counted_in_full_batches_alone(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        rows.finished(session, job, [A, A, S, S, H, H], batch_size=2)
        split = rows.finished(session, job, [A, H, S, A, H, S], batch_size=3)
        for prediction in session.query(Prediction).filter(Prediction.run_id == split.id):
            prediction.batch = 1
        session.flush()
        session.execute(
            update(Score)
            .where(Score.run_id == split.id)
            .values(sheet=closing.sheet(session, split))
        )
        found = position(session, Selection())

    (slots,) = found.slots
    assert [(slot.right, slot.samples) for slot in slots.slots] == [(3, 3), (0, 3)]
    assert slots.test is not None
    assert slots.test.statistic == pytest.approx(6.0)
    assert slots.test.df == 1
    (sizes,) = found.sizes
    assert (sizes.first_size, sizes.second_size) == (2, 3)
    assert (sizes.compared.only_first, sizes.compared.only_second) == (0, 3)


def test_repeats_with_the_same_samples_in_the_same_slots_are_counted_once(
    database: Database, job: Job
) -> None:
    given = [A, A, S, S, H, H]
    with database.write.begin() as session:
        first = rows.finished(session, job, given, batch_size=2)
        rows.finished(session, job, [A] * 6, batch_size=2, repeat=2)
        other = rows.finished(session, job, given, batch_size=2, repeat=3)
        other.seed = 7
        session.flush()
        (found,) = position(session, Selection()).slots

    assert found.runs == (first.id, other.id)
    assert [(slot.right, slot.samples) for slot in found.slots] == [(6, 6), (0, 6)]


def test_cases_are_filtered_and_paged(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        first = rows.finished(session, job, [A, A, S, A, None, "joy"])
        rows.finished(session, job, [A, A, S, H, H, S], repeat=2)

        def found(**wanted: object) -> list[Case]:
            pages: list[Case] = []
            after = None
            while True:
                page = cases(
                    session,
                    Selection(),
                    CaseFilter(**wanted),  # type: ignore[arg-type]  # any of its fields
                    after=after,
                    limit=2,
                )
                pages += page.rows
                after = page.next_key
                if after is None:
                    return pages

        def samples(**wanted: object) -> list[int]:
            return sorted(int(case.sample[1:]) for case in found(**wanted))

        assert len({(case.run_id, case.sample_id) for case in found()}) == 12
        assert samples(target=H, label=A) == [1, 1]
        assert samples(right=False) == [1, 1, 3, 5]
        assert samples(outcome=Outcome.REFUSED) == [4]
        assert samples(rank=0) == [1, 1, 3, 5]
        assert samples(rank=1, agreed=False) == [3, 5]
        assert samples(agreed=True, right=False) == [1, 1]
        (refused,) = found(outcome=Outcome.REFUSED)
        assert (refused.run_id, refused.label, refused.ranked) == (first.id, None, None)
