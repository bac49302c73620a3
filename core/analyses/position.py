"""Position: does the place in the batch, or the batch itself, change the answers?"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from core.analyses import answers, figures
from core.analyses.comparing import COMPARED, Comparison, compare, compared
from core.analyses.figures import PLACE, Analysis, Body, Place
from core.analyses.selection import Selection, by_dataset, chosen
from core.progress import RunDetail
from core.rules.independence import chi_square
from core.rules.statistics import Interval, wilson
from core.rules.tables import Column, Table


class Slot(Body):
    """One place in the full batches of some runs."""

    slot: int
    """From 0."""
    samples: int
    right: int
    accuracy: float | None
    ci95: Interval | None
    """Wilson."""


class SlotTest(Body):
    """Pearson's chi-square test: is being right independent of the slot?"""

    statistic: float
    df: int
    p: float


class Slots(Place):
    """Accuracy by slot, over the requests that were asked as planned and in full."""

    runs: tuple[UUID, ...]
    """Of each seed the first."""
    slots: tuple[Slot, ...]
    test: SlotTest | None


class BatchSizes(Place):
    """A run against one of another batch size that is alike otherwise, over common samples."""

    first_size: int
    second_size: int
    compared: Comparison


class Position(Analysis):
    """Accuracy by slot, and runs of different batch sizes compared."""

    slots: tuple[Slots, ...]
    sizes: tuple[BatchSizes, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return the slots, the tests, and the batch sizes."""
        slots = [
            (*s.cells(), one.slot, one.samples, one.accuracy, one.ci95)
            for s in self.slots
            for one in s.slots
        ]
        tests = [(*s.cells(), s.test.statistic, s.test.df, s.test.p) for s in self.slots if s.test]
        sizes = [
            (*s.cells(), f"{s.first_size} to {s.second_size}", *compared(s.compared, "accuracy"))
            for s in self.sizes
        ]
        return (
            Table("position", "Accuracy by slot in the batch", (*PLACE, *_SLOT), slots),
            Table("test", "Chi-square test of the slots", (*PLACE, *_TEST), tests),
            Table("sizes", "Batch sizes compared", (*PLACE, *_SIZES), sizes),
        )


_SLOT = (
    Column("slot", "count"),
    Column("samples", "count"),
    Column("accuracy", "share"),
    Column("95 % interval", "share", interval=True),
)
_SIZES = (Column("batch size"), *COMPARED)
_TEST = (Column("chi-square", "number"), Column("df", "count"), Column("p", "p"))


def position(session: Session, selection: Selection) -> Position:
    """Return accuracy by slot, and what another batch size changes."""
    slots: list[Slots] = []
    sizes: list[BatchSizes] = []
    for dataset in by_dataset(chosen(session, selection)):
        batched = [d for d in dataset if d.run.batch_size > 1]
        if batched:
            seen = answers.by_slot(session, batched)
            slots += [s for g in figures.grouped(batched).values() if (s := _slots(g, seen))]
        sizes += _sizes(session, dataset)
    return Position(slots=tuple(slots), sizes=tuple(sizes))


def _slots(group: Sequence[RunDetail], seen: Mapping[UUID, answers.SeenSlots]) -> Slots | None:
    """Return the slots of runs of one place; None where no full batch was answered.

    Smaller requests are left out: those that a refusal or a missing answer led to hold the
    difficult samples, and in their first slots. So are repeats of a run that is counted: they
    have the same samples in the same slots, and no test may take them for others.
    """
    size = group[0].run.batch_size
    first: dict[tuple[int, UUID | None], RunDetail] = {}
    for detail in group:
        first.setdefault((detail.run.seed, detail.run.samples_of), detail)
    counted = list(first.values())
    right, total = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for slot, hit in (seen[detail.run.id] for detail in counted):
        right += np.bincount(slot[hit], minlength=size)[:size]
        total += np.bincount(slot, minlength=size)[:size]
    if not total.any():
        return None
    test = chi_square(np.stack([right, total - right], axis=1))
    return Slots(
        **figures.place(group[0]),
        runs=tuple(detail.run.id for detail in counted),
        slots=tuple(
            Slot(
                slot=slot,
                samples=n,
                right=hits,
                accuracy=hits / n if n else None,
                ci95=wilson(hits, n),
            )
            for slot, (hits, n) in enumerate(zip(right.tolist(), total.tolist(), strict=True))
        ),
        test=None if test is None else SlotTest(statistic=test.statistic, df=test.df, p=test.p),
    )


def _sizes(session: Session, dataset: Sequence[RunDetail]) -> list[BatchSizes]:
    """Return runs against those of another batch size, the smaller one first."""
    found: list[tuple[RunDetail, RunDetail]] = []
    for group in figures.grouped(dataset, without=("batch_size",)).values():
        audits = _audits(group)
        found += [*audits, *_neighbours(group, audits)]
    if not found:
        return []
    used = list({d.run.id: d for pair in found for d in pair}.values())
    of = answers.of_runs(session, used)
    rows = {detail.run.id: row for row, detail in enumerate(used)}
    return [
        BatchSizes(
            **figures.place(a),
            first_size=a.run.batch_size,
            second_size=b.run.batch_size,
            compared=compare(of, rows[a.run.id], rows[b.run.id], (a.run.id, b.run.id)),
        )
        for a, b in found
    ]


def _audits(group: Sequence[RunDetail]) -> list[tuple[RunDetail, RunDetail]]:
    """Return each run that asked again about another's samples, with that one."""
    by_id = {detail.run.id: detail for detail in group}
    pairs = [(d, by_id[d.run.samples_of]) for d in group if d.run.samples_of in by_id]
    ordered = (sorted(pair, key=lambda d: d.run.batch_size) for pair in pairs)
    return [(a, b) for a, b in ordered if a.run.batch_size != b.run.batch_size]


def _neighbours(
    group: Sequence[RunDetail], audits: Sequence[tuple[RunDetail, RunDetail]]
) -> list[tuple[RunDetail, RunDetail]]:
    """Return each run that is no audit with that of the next batch size, repeat by repeat."""
    compared = {frozenset((a.run.id, b.run.id)) for a, b in audits}
    sizes: dict[int, list[RunDetail]] = {}
    for detail in sorted(group, key=lambda d: (d.run.batch_size, d.run.repeat)):
        if frozenset((detail.run.id, detail.run.samples_of)) not in compared:
            sizes.setdefault(detail.run.batch_size, []).append(detail)
    beside = pairwise(sizes.values())
    return [pair for smaller, larger in beside for pair in zip(smaller, larger, strict=False)]
