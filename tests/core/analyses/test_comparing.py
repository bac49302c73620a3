"""Answers as codes, and what is compared sample by sample, on each kind of database."""

from uuid import uuid4

import numpy as np
import pytest

from core import progress
from core.analyses import answers, varying
from core.analyses.comparing import pairwise
from core.analyses.selection import Selection, chosen
from core.analyses.stability import stability
from core.db import Database
from core.errors import InvalidInput, NotFound
from core.rules.agreement import MISSING
from core.tables import Job, Run
from tests import rows
from tests.core.analyses.conftest import A, H, S, lone_sample


def test_answers_are_codes_by_run_and_sample(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        runs = [
            rows.finished(session, job, [A, H, S, "joy", None, A]),
            rows.finished(session, job, [H, H]),
        ]
        of = answers.of_runs(session, progress.of_runs(session, runs))

    assert of.classes == (A, H, S)
    assert of.target.tolist() == [0, 1, 2, 0, 1, 2]
    assert of.given.tolist() == [[0, 1, 2, 3, MISSING, 0], [1, 1, *[MISSING] * 4]]
    assert (np.diff(of.samples) > 0).all()


def test_samples_that_no_run_has_reached_are_left_out(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        runs = [rows.finished(session, job, [A, H])]
        of = answers.of_runs(session, progress.of_runs(session, runs))

    assert of.given.tolist() == [[0, 1]]


def test_filters_choose_completed_runs_and_ids_any(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        done = rows.finished(session, job, [A] * 6)
        lone = rows.finished(session, lone_sample(session), [A])
        begun = session.query(Run).filter(Run.position == 0, Run.job_id == job.id).one()

        def ids(**selection: object) -> set[object]:
            return {d.run.id for d in chosen(session, Selection(**selection))}  # type: ignore[arg-type]  # any of its fields

        assert ids() == {done.id, lone.id}
        assert ids(job=job.id) == ids(dataset="moods") == ids(model="local") == {done.id}
        assert ids(dataset=f"lone@{'0' * 12}") == {lone.id}
        assert ids(task="facial_emotion") == set()
        assert ids(runs=(begun.id,)) == {begun.id}
        with pytest.raises(NotFound, match="no run"):
            ids(runs=(uuid4(),))


def test_two_runs_are_compared_over_the_samples_both_scored(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        first = rows.finished(session, job, [A, H, S, A, None, A])
        second = rows.finished(session, job, [A, H, A, H, H, S], repeat=2)
        (pair,) = pairwise(session, Selection(runs=(first.id, second.id))).pairs

    found = pair.compared
    assert (found.first, found.second) == (first.id, second.id)
    assert (found.samples, found.both_right, found.only_first) == (5, 2, 2)
    assert (found.only_second, found.both_wrong, found.changed) == (1, 0, 3)
    assert found.p == 1.0
    assert found.flip_rate == found.changed / 5
    assert found.agreement == 2 / 5
    accuracy = found.metrics["accuracy"]
    assert (accuracy.first, accuracy.second) == (4 / 5, 3 / 5)
    assert accuracy.difference == pytest.approx(-1 / 5)
    assert accuracy.ci95 is not None
    assert accuracy.ci95[0] <= -1 / 5 <= accuracy.ci95[1]


def test_runs_of_different_datasets_are_no_pair(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        one = rows.finished(session, job, [A] * 6)
        other = rows.finished(session, lone_sample(session), [A])

        with pytest.raises(InvalidInput, match="same dataset"):
            pairwise(session, Selection(runs=(one.id, other.id)))


def test_repeats_agree_as_computed_by_hand(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        repeats: list[list[str | None]] = [
            [A, H, S, A, H, S],
            [A, H, S, A, A, S],
            [A, H, A, H, A, None],
        ]
        for repeat, given in enumerate(repeats, 1):
            rows.finished(session, job, given, repeat=repeat)
        (found,) = stability(session, Selection()).repeats

    # Pairs that agree: 3 + 3 + 1 + 1 + 1 of 3 each, and 1 of 1.
    assert found.agreement == pytest.approx(10 / 16)
    assert found.flip_rate == pytest.approx(3 / 6)
    # Over the five samples that all answered: P = 9/15; A 8, H 5, S 2 of 15.
    expected = (8 / 15) ** 2 + (5 / 15) ** 2 + (2 / 15) ** 2
    assert found.kappa == pytest.approx((9 / 15 - expected) / (1 - expected))
    # The vote: A H S A A S; five of six are right.
    assert (found.vote_accuracy, found.voted) == (5 / 6, 6)
    assert found.metrics["accuracy"].mean == pytest.approx((1 + 5 / 6 + 2 / 5) / 3)
    assert (found.metrics["accuracy"].low, found.metrics["accuracy"].high) == (2 / 5, 1)
    assert (len(found.runs), found.samples) == (3, 6)


def test_gray_is_compared_with_color_repeat_by_repeat(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        for repeat in (1, 2):
            rows.finished(session, job, [A, H, S, A, H, S], repeat=repeat, color="rgb")
            rows.finished(session, job, [A, A, A, A, A, S], repeat=repeat, color="gray")
        found = varying.color(session, Selection())

    (series,) = found.series
    rgb, gray = series.points
    assert (rgb.value, gray.value, rgb.compared) == ("rgb", "gray", ())
    assert len(gray.compared) == 2
    assert (gray.compared[0].only_first, gray.compared[0].only_second) == (3, 0)
    assert gray.compared[0].p == pytest.approx(0.25)
    assert "color" not in series.condition
    assert series.flip_rate == 3 / 6
    assert series.spread["accuracy"] == pytest.approx(0.5)


def test_templates_tell_which_samples_flip(database: Database, job: Job) -> None:
    with database.write.begin() as session:
        rows.finished(session, job, [A, H, S, A, H, S], template="default@1")
        rows.finished(session, job, [A, A, S, A, H, None], template="brief@1")
        rows.finished(session, job, [A, S, S, H, H, "joy"], template="long@1")
        (series,) = varying.templates(session, Selection()).series

    assert [point.value for point in series.points] == ["default@1", "brief@1", "long@1"]
    assert series.flipped == 3
    assert [sample.name for sample in series.flips] == ["s00001", "s00003", "s00005"]
    assert series.flips[0].answers == {"default@1": H, "brief@1": A, "long@1": S}
    assert series.flips[2].answers == {
        "default@1": S,
        "brief@1": None,
        "long@1": "out_of_vocabulary",
    }


def test_frames_are_in_order_and_modalities_are_fused(database: Database, job: Job) -> None:
    right = [A, H, S, A, H, S]
    with database.write.begin() as session:
        for frames, given in ((10, right), (2, [A] * 6), (1, [H] * 6)):
            rows.finished(session, job, given, modality="video", frames=frames)
        rows.finished(session, job, [S] * 6, modality="text")
        rows.finished(session, job, right, modality="video+text", frames=2)
        (over_time,) = varying.temporal(session, Selection()).series
        (fused,) = varying.fusion(session, Selection()).series

    assert [point.value for point in over_time.points] == ["1", "2", "10"]
    assert [point.main.mean for point in over_time.points] == pytest.approx([1 / 3, 1 / 3, 1])
    assert [point.value for point in fused.points] == [
        "text",
        "video 1 frames",
        "video 2 frames",
        "video 10 frames",
        "video+text 2 frames",
    ]
