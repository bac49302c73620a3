"""Two runs over the same samples, compared sample by sample."""

from collections.abc import Sequence
from itertools import combinations
from uuid import UUID

from sqlalchemy.orm import Session

from core.analyses import answers
from core.analyses.answers import Answers
from core.analyses.figures import Analysis, Body, place, told
from core.analyses.selection import Selection, by_dataset, chosen
from core.errors import InvalidInput
from core.progress import RunDetail
from core.rules import paired
from core.rules.agreement import Codes, pairwise_agreement, tally
from core.rules.metrics import METRICS, MetricName
from core.rules.statistics import Interval, wilson
from core.rules.tables import Column, Table

MAX_PAIRS = 200
"""Pairs of runs that are compared at once; more are refused."""


class MetricDifference(Body):
    """A metric of both runs over the samples that both scored."""

    first: float | None
    second: float | None
    difference: float | None
    """Second less first."""
    ci95: Interval | None
    """Percentiles of a seeded paired bootstrap over the samples."""


class Comparison(Body):
    """The second of two runs against the first, over the samples that both scored."""

    first: UUID
    second: UUID
    samples: int
    both_right: int
    only_first: int
    """Right in the first run, wrong in the second."""
    only_second: int
    both_wrong: int
    p: float
    """McNemar's exact test, two-sided: are both equally often right?"""
    changed: int
    """Samples with another class in the second run."""
    flip_rate: float | None
    flip_ci95: Interval | None
    agreement: float | None
    """Share of equal classes over all samples that both runs answered."""
    metrics: dict[MetricName, MetricDifference]


def compare(of: Answers, first: int, second: int, runs: tuple[UUID, UUID]) -> Comparison:
    """Return the comparison of two rows of the answers."""
    both = of.scored[first] & of.scored[second]
    one, other = of.given[first], of.given[second]
    joint = paired.joint(of.target[both], one[both], other[both], classes=len(of.classes))
    found = paired.flips(joint)
    differences = paired.differences(joint)
    return Comparison(
        first=runs[0],
        second=runs[1],
        samples=found.samples,
        both_right=found.both_right,
        only_first=found.only_first,
        only_second=found.only_second,
        both_wrong=found.both_wrong,
        p=paired.mcnemar_exact(found.only_first, found.only_second),
        changed=found.changed,
        flip_rate=found.changed / found.samples if found.samples else None,
        flip_ci95=wilson(found.changed, found.samples),
        agreement=_agreement(of.given[[first, second]], of.beyond + 1),
        metrics={
            name: MetricDifference(
                first=d.first, second=d.second, difference=d.difference, ci95=d.ci95
            )
            for name, d in differences.items()
        },
    )


def _agreement(given: Codes, classes: int) -> float | None:
    share = float(pairwise_agreement(tally(given, classes)))
    return None if share != share else share  # noqa: PLR0124 - NaN alone differs from itself


COMPARED = (
    Column("samples", "count"),
    Column("metric"),
    Column("first", "share"),
    Column("second", "share"),
    Column("difference", "points"),
    Column("95 % interval", "points", interval=True),
    Column("only first right", "count"),
    Column("only second right", "count"),
    Column("McNemar p", "p"),
    Column("flip rate", "share"),
    Column("flip rate 95 % interval", "share", interval=True),
    Column("agreement", "share"),
)
"""The columns of a comparison."""


def compared(of: Comparison, metric: MetricName) -> tuple[object, ...]:
    """Return the values of `COMPARED`."""
    figure = of.metrics[metric]
    return (
        of.samples,
        metric,
        figure.first,
        figure.second,
        figure.difference,
        figure.ci95,
        of.only_first,
        of.only_second,
        of.p,
        of.flip_rate,
        of.flip_ci95,
        of.agreement,
    )


class Pair(Body):
    """Two runs of one dataset, and how they compare."""

    dataset: str
    variant: str | None
    first: str
    """The model, the condition, the batch size and the repeat, in words."""
    second: str
    compared: Comparison


class Pairwise(Analysis):
    """Every pair of the selected runs that are over the same dataset."""

    pairs: tuple[Pair, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return a row for each pair and metric."""
        columns = (Column("dataset"), Column("first run"), Column("second run"), *COMPARED)
        rows = [
            (pair.dataset, pair.first, pair.second, *compared(pair.compared, metric))
            for pair in self.pairs
            for metric in METRICS
        ]
        return (Table("pairwise", "Pairwise comparison", columns, rows),)


def pairwise(session: Session, selection: Selection) -> Pairwise:
    """Return the comparison of each two runs of the selection over the same dataset.

    Raises InvalidInput for more than MAX_PAIRS of them, or for runs without a common dataset.
    """
    groups = [group for group in by_dataset(chosen(session, selection)) if len(group) > 1]
    count = sum(len(group) * (len(group) - 1) // 2 for group in groups)
    if count > MAX_PAIRS:
        raise InvalidInput(f"these are {count} pairs of runs, more than {MAX_PAIRS}: choose fewer")
    if selection.runs and not groups:
        raise InvalidInput("name two runs of the same dataset version or more")
    return Pairwise(pairs=tuple(pair for group in groups for pair in _pairs(session, group)))


def _pairs(session: Session, group: Sequence[RunDetail]) -> list[Pair]:
    of = answers.of_runs(session, group)
    return [
        Pair(
            dataset=place(a)["dataset"],
            variant=a.spec.variant,
            first=_words(a),
            second=_words(b),
            compared=compare(of, i, j, (a.run.id, b.run.id)),
        )
        for (i, a), (j, b) in combinations(enumerate(group), 2)
    ]


def _words(detail: RunDetail) -> str:
    run = detail.run
    return f"{detail.model} {told(run.condition, run.batch_size)} #{run.repeat}"
