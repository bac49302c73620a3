"""The batch size is held fixed wherever the condition is, and audits are compared in pairs."""

from sqlalchemy.orm import Session

from core.analyses import varying
from core.analyses.classes import classes
from core.analyses.comparing import pairwise
from core.analyses.main_results import main_results
from core.analyses.position import Position, position
from core.analyses.refusals import refusals
from core.analyses.selection import Selection
from core.analyses.series import Varying
from core.analyses.stability import stability
from core.db import Database
from core.tables import Job
from tests import rows
from tests.core.analyses.conftest import A, H, S

RIGHT = [A, H, S, A, H, S]
SAME = [A] * 6


def shown(found: Varying) -> list[list[tuple[str, int]]]:
    """The value and the batch size of each point of each series."""
    return [[(p.value, p.batch_size) for p in series.points] for series in found.series]


def test_repeats_wordings_and_colors_are_of_one_batch_size(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        for size in (1, 3):
            for template in ("default@1", "terse@1"):
                for color in ("rgb", "gray"):
                    for repeat in (1, 2):
                        rows.finished(
                            session,
                            job,
                            RIGHT,
                            repeat=repeat,
                            batch_size=size,
                            batch_asked=size,
                            template=template,
                            color=color,
                        )
        agreed = stability(session, Selection()).repeats
        by_template = varying.templates(session, Selection())
        by_color = varying.color(session, Selection())
        cells = main_results(session, Selection()).cells
        shares = refusals(session, Selection()).shares

    places = sorted((r.batch_size, r.condition["template"], r.condition["color"]) for r in agreed)
    assert len(places) == len(set(places)) == 8
    assert {len(r.runs) for r in agreed} == {2}
    for found, values in ((by_template, ["default@1", "terse@1"]), (by_color, ["rgb", "gray"])):
        assert sorted(shown(found)) == sorted([[(v, size) for v in values] for size in (1, 3)] * 2)
    assert sorted(cell.batch_size for cell in cells) == [1] * 4 + [3] * 4
    assert sorted(share.batch_size for share in shares) == [1] * 4 + [3] * 4


def test_frames_are_compared_at_the_batch_size_that_was_asked_for(
    database: Database, job: Job
) -> None:
    with database.write.begin() as session:
        for asked, fits in ((None, (8, 8, 6)), (1, (1, 1, 1)), (20, (20, 10, 6))):
            for frames, size in enumerate(fits, 1):
                rows.finished(
                    session,
                    job,
                    RIGHT,
                    batch_size=size,
                    batch_asked=asked,
                    modality="video",
                    frames=frames,
                )
        found = varying.temporal(session, Selection())

    assert sorted(shown(found)) == [
        [("1", 1), ("2", 1), ("3", 1)],
        [("1", 8), ("2", 8), ("3", 6)],
        [("1", 20), ("2", 10), ("3", 6)],
    ]
    points, comparisons, *_ = found.tables()
    batch = [column.head for column in points.columns].index("batch")
    assert {row[batch] for row in points.rows} == {1, 6, 8, 10, 20}
    assert {row[batch] for row in comparisons.rows} == {1, 6, 8, 10}


def test_modalities_are_fused_at_their_own_usual_batch_sizes(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        for modality, frames, size in (("text", None, 20), ("video", 3, 8), ("video+text", 3, 6)):
            rows.finished(session, job, RIGHT, modality=modality, frames=frames, batch_size=size)
            rows.finished(
                session, job, SAME, modality=modality, frames=frames, batch_size=1, batch_asked=1
            )
        found = varying.fusion(session, Selection())

    assert sorted(shown(found)) == [
        [("text", 1), ("video 3 frames", 1), ("video+text 3 frames", 1)],
        [("text", 20), ("video 3 frames", 8), ("video+text 3 frames", 6)],
    ]


def test_what_differs_in_its_batch_size_alone_is_told_apart(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        for size in (1, 20):
            rows.finished(session, job, RIGHT, batch_size=size)
        (pair,) = pairwise(session, Selection()).pairs
        matrices = classes(session, Selection()).matrices
        (task,) = classes(session, Selection(), by="task").matrices

    assert (pair.first, pair.second) == (
        "local text plain@1 rgb low batch 1 #1",
        "local text plain@1 rgb low batch 20 #1",
    )
    assert [m.batch_size for m in matrices] == [1, 20]
    assert len({m.title for m in matrices}) == 2
    assert task.batch_size is None


def pairs(session: Session) -> list[tuple[object, object, int, int]]:
    found: Position = position(session, Selection())
    return [
        (one.compared.first, one.compared.second, one.compared.samples, one.compared.changed)
        for one in found.sizes
    ]


def test_an_audit_is_compared_with_the_run_whose_samples_it_has(
    database: Database, job: Job
) -> None:
    with database.write.begin() as session:
        rows.finished(session, job, SAME, batch_size=3)
        second = rows.finished(session, job, RIGHT, batch_size=3, repeat=2)
        larger = rows.finished(session, job, RIGHT, batch_size=6)
        audit = rows.finished(session, job, [A, H, A], batch_size=1, samples_of=second)
        other = rows.finished(session, job, [A, A, A, A], batch_size=1, samples_of=larger)
        found = position(session, Selection(runs=(audit.id, second.id)))
        among = pairs(session)

    (one,) = found.sizes
    assert (one.first_size, one.second_size) == (1, 3)
    assert (one.compared.first, one.compared.second) == (audit.id, second.id)
    assert (one.compared.samples, one.compared.only_second, one.compared.changed) == (3, 1, 1)
    assert one.compared.p == 1.0
    assert one.compared.flip_rate == 1 / 3
    assert (audit.id, second.id, 3, 1) in among
    assert (other.id, larger.id, 4, 2) in among
    assert {pair[:2] for pair in among if audit.id in pair or other.id in pair} == {
        (audit.id, second.id),
        (other.id, larger.id),
    }
    assert len(among) == 3


def test_a_repeat_over_fewer_samples_is_no_audit(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        first = rows.finished(session, job, RIGHT, batch_size=3)
        again = rows.finished(session, job, [A, A], batch_size=3, samples_of=first, repeat=2)
        single = rows.finished(session, job, RIGHT, batch_size=1)
        among = pairs(session)

    assert [pair[:2] for pair in among] == [(single.id, first.id)]
    assert again.id not in {run for pair in among for run in pair[:2]}
