"""Analyses of datasets whose labels are mapped to classes, or whose targets are numbers."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import closing, progress
from core.analyses import answers, varying
from core.analyses.cases import Case, CaseFilter, cases
from core.analyses.comparing import Comparison, pairwise
from core.analyses.position import position
from core.analyses.refusals import refusals
from core.analyses.selection import Selection
from core.analyses.series import Varying
from core.analyses.stability import stability
from core.db import Database
from core.rules.agreement import MISSING
from core.tables import Job, Run, Template
from core.vocabulary import Outcome
from tests import rows

Given = Sequence[str | None]
Finish = Callable[..., Run]

POLARITY = {
    "labels": ("awe", "content", "fear", "sad"),
    "scoring": {
        "map": {"Awe": "positive", "Content": "positive", "Fear": "negative", "Sad": "negative"}
    },
}
EMOTIONS = ("awe", "content", "fear", "sad", "awe", "positive")
"""By class: + + - - + +; a target may be spelled as a class."""
EMOTIONS_FIRST: Given = ("content", "awe", "sad", "sad", "fear", "fear")
"""By class: + + - - - -; right but for the last two."""
EMOTIONS_SECOND: Given = ("awe", "awe", "fear", "awe", "joy", "content")
"""By class: + + - + ? +; wrong are the fourth and the fifth."""

SIGNS = {
    "labels": ("negative", "neutral", "positive"),
    "scoring": {
        "map": {"negative": "negative", "neutral": "negative", "positive": "positive"},
        "target": "sign",
    },
}
NUMBERS = (1.5, -2.0, 0.0, 0.4, -0.1, 0.0)
"""By class: + - . + - .; what is 0 decides nothing."""
NUMBERS_FIRST: Given = ("positive", "negative", "positive", "neutral", "neutral", "negative")
"""By class: + - + - - -; of the four that count the third is wrong."""
NUMBERS_SECOND: Given = ("positive", "positive", "neutral", "positive", "negative", "positive")
"""By class: + + - + - +; of the four that count the second is wrong."""

POSITIVE, NEGATIVE = "positive", "negative"


def job_over(session: Session, targets: Sequence[str | float], **spec: object) -> Job:
    """A job over six samples with these targets."""
    dataset = rows.dataset(session, 6, targets, name=f"over-{len(targets)}-{targets[0]}", **spec)
    asking = session.scalars(select(Template)).first() or rows.template(session)
    return rows.job(session, dataset, rows.model(session, f"of-{targets[0]}"), asking)


@pytest.fixture(params=["mapped", "signed"])
def kind(request: pytest.FixtureRequest) -> str:
    """A dataset with labels mapped to classes, and one with numeric targets."""
    return str(request.param)


def two(kind: str, session: Session, first: dict[str, object], second: dict[str, object]) -> Job:
    """A job with two finished runs that differ in these parts."""
    signed = kind == "signed"
    job = job_over(session, NUMBERS, **SIGNS) if signed else job_over(session, EMOTIONS, **POLARITY)
    rows.finished(session, job, NUMBERS_FIRST if signed else EMOTIONS_FIRST, **first)  # type: ignore[arg-type]  # parts of a condition
    rows.finished(session, job, NUMBERS_SECOND if signed else EMOTIONS_SECOND, **second)  # type: ignore[arg-type]
    return job


def counted(found: Comparison) -> tuple[int, ...]:
    """Samples, then right in both, in the first, in the second, in none; then changed."""
    right = (found.both_right, found.only_first, found.only_second, found.both_wrong)
    return (found.samples, *right, found.changed)


COMPARED = {"mapped": (6, 3, 1, 1, 1, 3), "signed": (4, 2, 1, 1, 0, 2)}
"""What comparing the second run with the first comes to; see the answers above."""
EQUAL = {"mapped": 3 / 6, "signed": 2 / 6}
"""Samples with the same class in both; what has no target of its own is among them."""
RIGHT = {"mapped": 4 / 6, "signed": 3 / 4}
"""Accuracy of either run."""


def test_answers_and_targets_are_codes_of_classes(database: Database) -> None:
    with database.write.begin() as session:
        emotions = job_over(session, EMOTIONS, **POLARITY)
        numbers = job_over(session, NUMBERS, **SIGNS)
        mapped, signed = (
            answers.of_runs(
                session, progress.of_runs(session, [rows.finished(session, job, given)])
            )
            for job, given in ((emotions, EMOTIONS_SECOND), (numbers, NUMBERS_SECOND))
        )

    assert (mapped.classes, signed.classes) == ((POSITIVE, NEGATIVE), (NEGATIVE, POSITIVE))
    assert mapped.target.tolist() == [0, 0, 1, 1, 0, 0]
    assert mapped.given.tolist() == [[0, 0, 1, 0, 2, 0]]
    assert [mapped.word(code) for code in (0, 1, 2, MISSING)] == [
        POSITIVE, NEGATIVE, "out_of_vocabulary", None,
    ]  # fmt: skip
    assert signed.target.tolist() == [1, 0, MISSING, 1, 0, MISSING]
    assert signed.given.tolist() == [[1, 1, 0, 1, 0, 1]]


def test_an_answer_outside_the_labels_is_a_gap_where_it_is_dropped(database: Database) -> None:
    scoring = {**POLARITY["scoring"], "out_of_vocabulary": "dropped"}  # type: ignore[dict-item]  # a mapping
    with database.write.begin() as session:
        job = job_over(session, EMOTIONS, **{**POLARITY, "scoring": scoring})
        run = rows.finished(session, job, EMOTIONS_SECOND)
        of = answers.of_runs(session, progress.of_runs(session, [run]))

    assert of.given.tolist() == [[0, 0, 1, 0, MISSING, 0]]


def test_pairs_are_compared_by_class(database: Database, kind: str) -> None:
    with database.write.begin() as session:
        two(kind, session, {}, {"repeat": 2})
        (pair,) = pairwise(session, Selection()).pairs

    assert counted(pair.compared) == COMPARED[kind]
    assert pair.compared.agreement == pytest.approx(EQUAL[kind])
    accuracy = pair.compared.metrics["accuracy"]
    assert (accuracy.first, accuracy.second) == pytest.approx((RIGHT[kind], RIGHT[kind]))
    assert accuracy.ci95 is not None


def test_a_comparison_has_the_figures_of_its_runs(database: Database, kind: str) -> None:
    with database.write.begin() as session:
        job = two(kind, session, {}, {"repeat": 2})
        (pair,) = pairwise(session, Selection(job=job.id)).pairs
        own = {
            run: closing.stored(session, session.get_one(Run, run))
            for run in (pair.compared.first, pair.compared.second)
        }

    for name, found in pair.compared.metrics.items():
        first, second = (getattr(metrics, name).value for metrics in own.values())
        assert (found.first, found.second) == pytest.approx((first, second))


def test_repeats_agree_by_class(database: Database, kind: str) -> None:
    with database.write.begin() as session:
        two(kind, session, {}, {"repeat": 2})
        (found,) = stability(session, Selection()).repeats

    assert found.agreement == pytest.approx(EQUAL[kind])
    assert found.flip_rate == pytest.approx(1 - EQUAL[kind])
    # A tie goes to the first run, so its accuracy is that of the vote.
    assert found.vote_accuracy == pytest.approx(RIGHT[kind])
    assert found.voted == COMPARED[kind][0]
    assert None not in (found.kappa, found.alpha, found.agreement_ci95, found.vote_ci95)


@pytest.mark.parametrize(
    ("analysis", "first", "second"),
    [
        (varying.color, {"color": "rgb"}, {"color": "gray"}),
        (varying.templates, {"template": "default@1"}, {"template": "terse@1"}),
        (
            varying.temporal,
            {"modality": "video", "frames": 1},
            {"modality": "video", "frames": 2},
        ),
        (varying.fusion, {"modality": "text"}, {"modality": "video", "frames": 2}),
    ],
    ids=["color", "templates", "temporal", "fusion"],
)
def test_what_varies_is_compared_by_class(
    database: Database,
    kind: str,
    analysis: Callable[[Session, Selection], Varying],
    first: dict[str, object],
    second: dict[str, object],
) -> None:
    with database.write.begin() as session:
        two(kind, session, first, second)
        (series,) = analysis(session, Selection()).series

    assert counted(series.points[1].compared[0]) == COMPARED[kind]
    assert series.flip_rate == pytest.approx(1 - EQUAL[kind])
    assert series.flipped == round(6 * (1 - EQUAL[kind]))
    assert [point.metrics["accuracy"].mean for point in series.points] == pytest.approx(
        [RIGHT[kind]] * 2
    )
    flips = {flip.name: (flip.target, *flip.answers.values()) for flip in series.flips}
    if kind == "mapped":
        assert flips == {
            "s00003": (NEGATIVE, NEGATIVE, POSITIVE),
            "s00004": (POSITIVE, NEGATIVE, "out_of_vocabulary"),
            "s00005": (POSITIVE, NEGATIVE, POSITIVE),
        }
    else:
        assert flips == {
            "s00001": (NEGATIVE, NEGATIVE, POSITIVE),
            "s00002": (None, POSITIVE, NEGATIVE),
            "s00003": (POSITIVE, NEGATIVE, POSITIVE),
            "s00005": (None, NEGATIVE, POSITIVE),
        }


def test_slots_and_batch_sizes_are_judged_by_class(database: Database, kind: str) -> None:
    with database.write.begin() as session:
        two(kind, session, {"batch_size": 1}, {"batch_size": 3})
        found = position(session, Selection())

    (slots,) = found.slots
    assert [(slot.right, slot.samples) for slot in slots.slots] == {
        "mapped": [(1, 2), (1, 2), (2, 2)],
        "signed": [(2, 2), (1, 2), (0, 0)],
    }[kind]
    (sizes,) = found.sizes
    assert counted(sizes.compared) == COMPARED[kind]


def found_cases(session: Session, **wanted: object) -> list[Case]:
    asked = CaseFilter(**wanted)  # type: ignore[arg-type]  # any of its fields
    return list(cases(session, Selection(), asked, after=None, limit=100).rows)


def names(found: Sequence[Case]) -> list[int]:
    return sorted(int(case.sample[1:]) for case in found)


def test_cases_are_right_or_wrong_by_class(database: Database, kind: str) -> None:
    with database.write.begin() as session:
        two(kind, session, {}, {"repeat": 2})
        right, wrong = (names(found_cases(session, right=each)) for each in (True, False))
        every = found_cases(session)
        agreeing, differing = (names(found_cases(session, agreed=each)) for each in (True, False))

    if kind == "mapped":
        assert right == [0, 0, 1, 1, 2, 2, 3, 5]
        assert wrong == [3, 4, 4, 5]
        assert agreeing == [0, 0, 1, 1, 2, 2]
    else:
        assert right == [0, 0, 1, 3, 4, 4]
        assert wrong == [1, 3]
        assert agreeing == [0, 0, 4, 4]
    assert sorted(agreeing + differing) == sorted([*range(6), *range(6)])
    assert names([case for case in every if case.right]) == right
    assert names([case for case in every if case.right is False]) == wrong


def test_cases_name_a_cell_of_the_confusion_matrix(database: Database) -> None:
    with database.write.begin() as session:
        two("mapped", session, {}, {"repeat": 2})
        two("signed", session, {}, {"repeat": 2})
        missed = found_cases(session, target=POSITIVE, label=NEGATIVE)
        beyond = found_cases(session, label="out_of_vocabulary")
        spelled = found_cases(session, target="awe", label="fear")
        taken = found_cases(session, target=NEGATIVE, label=POSITIVE)

    assert {(case.target, case.label) for case in missed} == {
        ("awe", "fear"),
        ("positive", "fear"),
        (0.4, "neutral"),
    }
    assert {(case.target_class, case.label_class) for case in missed} == {(POSITIVE, NEGATIVE)}
    assert [(case.label, case.label_class, case.right) for case in beyond] == [("joy", None, False)]
    assert names(spelled) == [4]
    assert sorted((str(case.target), case.label) for case in taken) == [
        ("-2.0", "positive"),
        ("sad", "awe"),
    ]


def test_what_decides_nothing_is_neither_right_nor_wrong(database: Database) -> None:
    with database.write.begin() as session:
        two("signed", session, {}, {"repeat": 2})
        unranked = found_cases(session, rank=0)
        zeros = [case for case in found_cases(session) if case.target == 0]

    assert names(unranked) == [1, 3]
    assert [(case.target_class, case.right) for case in zeros] == [(None, None)] * 4
    assert [case.label_class for case in zeros if case.label == "neutral"] == [NEGATIVE]


def test_a_dropped_answer_is_neither_right_nor_wrong(database: Database) -> None:
    with database.write.begin() as session:
        scoring = {"out_of_vocabulary": "dropped"}
        job = job_over(session, EMOTIONS[:5], labels=POLARITY["labels"], scoring=scoring)
        rows.finished(session, job, ["awe", "joy", "sad", "joy", "joy", "sad"])
        rows.finished(session, job, ["awe", "bliss", "sad", "sad", "sad", "sad"], repeat=2)
        wrong = found_cases(session, right=False)
        agreeing = found_cases(session, agreed=True)
        left_out = found_cases(session, label="joy")

    assert [case.label for case in wrong] == ["sad"] * 5
    assert names(agreeing) == [0, 0, 2, 2, 5, 5]
    assert {case.right for case in left_out} == {None}


def test_the_ledger_shows_numeric_targets(database: Database) -> None:
    with database.write.begin() as session:
        job = job_over(session, NUMBERS, **SIGNS)
        rows.finished(session, job, [None, "negative", None])
        found = refusals(session, Selection())

    assert [(one.name, one.target) for one in found.ledger] == [("s00000", 1.5), ("s00002", 0.0)]
    assert found.shares[0].refused == 2


def test_the_outcome_is_not_judged(database: Database) -> None:
    with database.write.begin() as session:
        job = job_over(session, NUMBERS, **SIGNS)
        rows.finished(session, job, [None, "negative", None])
        refused = found_cases(session, outcome=Outcome.REFUSED)

    assert [(case.target, case.target_class, case.right) for case in refused] == [
        (1.5, POSITIVE, None),
        (0.0, None, None),
    ]
