"""Stability: does the same question, asked again, get the same answer?"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from core.analyses import answers, figures
from core.analyses.answers import Answers
from core.analyses.figures import PLACE, Analysis, Average, Place
from core.analyses.selection import Selection, by_dataset, chosen
from core.progress import RunDetail
from core.rules.agreement import (
    MISSING,
    Tally,
    bootstrap_intervals,
    fleiss_kappa,
    flip_rate,
    krippendorff_alpha,
    majority_vote,
    pairwise_agreement,
    tally,
)
from core.rules.metrics import METRICS, Floats, MetricName
from core.rules.scoring import number
from core.rules.statistics import Interval, wilson
from core.rules.tables import Column, Table


class Repeats(Place):
    """The repeats of one model under one condition on one dataset."""

    runs: tuple[UUID, ...]
    samples: int
    """Samples with an outcome in any of the runs."""
    agreement: float | None
    """Share of pairs of answers to the same sample that are equal."""
    agreement_ci95: Interval | None
    """This and those below: percentiles of a seeded bootstrap over the samples."""
    kappa: float | None
    """Fleiss' kappa over the samples that every run answered."""
    kappa_ci95: Interval | None
    alpha: float | None
    """Krippendorff's alpha, nominal, over all samples that two runs answered."""
    alpha_ci95: Interval | None
    flip_rate: float | None
    """Share of samples with two answers or more whose answers are not all equal."""
    flip_ci95: Interval | None
    vote_accuracy: float | None
    """Accuracy of the class that most runs gave; a tie goes to the earliest repeat's."""
    vote_ci95: Interval | None
    """Wilson."""
    voted: int
    metrics: dict[MetricName, Average]


class Stability(Analysis):
    """One entry for each place with two runs or more."""

    repeats: tuple[Repeats, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return agreement, and the spread of the metrics."""
        agreement = [
            (
                *r.cells(),
                len(r.runs),
                r.samples,
                r.agreement,
                r.agreement_ci95,
                r.kappa,
                r.kappa_ci95,
                r.alpha,
                r.alpha_ci95,
                r.flip_rate,
                r.flip_ci95,
                r.vote_accuracy,
                r.vote_ci95,
            )
            for r in self.repeats
        ]
        spread = [
            (*r.cells(), len(r.runs), name, a.mean, a.sd, a.low, a.high)
            for r in self.repeats
            for name, a in r.metrics.items()
        ]
        return (
            Table("stability", "Agreement of repeats", _AGREEMENT, agreement),
            Table("spread", "Spread of the metrics over repeats", _SPREAD, spread),
        )


_AGREEMENT = (
    *PLACE,
    Column("runs", "count"),
    Column("samples", "count"),
    Column("agreement", "share"),
    Column("agreement 95 % interval", "share", interval=True),
    Column("kappa", "number"),
    Column("kappa 95 % interval", "number", interval=True),
    Column("alpha", "number"),
    Column("alpha 95 % interval", "number", interval=True),
    Column("flip rate", "share"),
    Column("flip rate 95 % interval", "share", interval=True),
    Column("majority vote accuracy", "share"),
    Column("majority vote 95 % interval", "share", interval=True),
)
_SPREAD = (
    *PLACE,
    Column("runs", "count"),
    Column("metric"),
    Column("mean", "share"),
    Column("sd", "share"),
    Column("lowest", "share"),
    Column("highest", "share"),
)


def stability(session: Session, selection: Selection) -> Stability:
    """Return how far the repeats of each place agree."""
    found = []
    for dataset in by_dataset(chosen(session, selection)):
        groups = [group for group in figures.grouped(dataset).values() if len(group) > 1]
        if not groups:
            continue
        of = answers.of_runs(session, [detail for group in groups for detail in group])
        start = 0
        for group in groups:
            found.append(_repeats(session, group, of, range(start, start + len(group))))
            start += len(group)
    return Stability(repeats=tuple(found))


def _repeats(
    session: Session, group: Sequence[RunDetail], of: Answers, rows: Sequence[int]
) -> Repeats:
    given = of.given[list(rows)]
    tallied = tally(given, of.beyond + 1)

    def kappa(weighed: Tally) -> Floats:
        return fleiss_kappa(weighed, len(group))

    agreement_ci95, kappa_ci95, alpha_ci95, flip_ci95 = bootstrap_intervals(
        [pairwise_agreement, kappa, krippendorff_alpha, flip_rate], tallied
    )
    vote = majority_vote(given)
    counted = (vote != MISSING) & (of.target != MISSING)
    voted, right = int(counted.sum()), int((counted & (vote == of.target)).sum())
    scored = [metrics for _, metrics in figures.scored(session, group)]
    return Repeats(
        **figures.place(group[0]),
        runs=tuple(detail.run.id for detail in group),
        samples=int(given.shape[1]),
        agreement=number(pairwise_agreement(tallied)),
        agreement_ci95=agreement_ci95,
        kappa=number(kappa(tallied)),
        kappa_ci95=kappa_ci95,
        alpha=number(krippendorff_alpha(tallied)),
        alpha_ci95=alpha_ci95,
        flip_rate=number(flip_rate(tallied)),
        flip_ci95=flip_ci95,
        vote_accuracy=right / voted if voted else None,
        vote_ci95=wilson(right, voted),
        voted=voted,
        metrics={name: figures.average(scored, name) for name in METRICS},
    )
