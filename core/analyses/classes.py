"""Classes: which label is taken for which."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from core.analyses import figures
from core.analyses.figures import Analysis, Body, Scored, told
from core.analyses.selection import Selection, chosen
from core.progress import RunDetail
from core.rules.metrics import Counts, f1, margins, precision, ratio, recall
from core.rules.scoring import EXTRA_COLUMNS, OUT_OF_VOCABULARY, ClassFigures, number
from core.rules.statistics import Interval, wilson
from core.rules.tables import Column, Table

MOST_CONFUSED = 10
"""Pairs that are listed of each matrix."""

By = Literal["condition", "task"]
Shares = tuple[tuple[float | None, ...], ...]


class ConfusedPair(Body):
    """Samples of one class that were taken for another."""

    target: str
    label: str
    count: int
    share: float
    """Of the samples of the target that were scored."""
    ci95: Interval | None
    """Wilson."""


class Matrix(Body):
    """The confusion matrix of some runs together, and what follows from it."""

    dataset: str | None
    """Null where the datasets of a task are taken together."""
    variant: str | None
    task: str
    model: str
    condition: dict[str, Any] | None
    batch_size: int | None
    runs: tuple[UUID, ...]
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    """The labels, then out_of_vocabulary, refused, unparsed, failed."""
    counts: tuple[tuple[int, ...], ...]
    """Targets in rows."""
    by_row: Shares
    """Each count / all of its row: what becomes of a class. Null rows have no samples."""
    by_column: Shares
    """Each count / all of its column: what an answer is made of."""
    per_class: tuple[ClassFigures, ...]
    """Over the scored samples."""
    confused: tuple[ConfusedPair, ...]
    """The most confused pairs, by their share of the target."""

    @property
    def title(self) -> str:
        """Return what it is about, in words."""
        words = (self.dataset or self.task, self.model, told(self.condition or {}, self.batch_size))
        return " ".join(word for word in words if word)


class Classes(Analysis):
    """One matrix for each dataset, model and condition, or for each task and model."""

    by: By
    matrices: tuple[Matrix, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return the figures of the classes, the confused pairs, and every matrix, as rows."""
        about = (Column("about"), Column("target"))
        per_class = [
            (m.title, c.label, c.precision, c.recall, c.f1, c.support)
            for m in self.matrices
            for c in m.per_class
        ]
        confused = [
            (m.title, p.target, p.label, p.count, p.share, p.ci95)
            for m in self.matrices
            for p in m.confused
        ]
        counts = [
            (m.title, label, column, m.counts[i][j], m.by_row[i][j], m.by_column[i][j])
            for m in self.matrices
            for i, label in enumerate(m.labels)
            for j, column in enumerate(m.columns)
        ]
        return (
            Table("classes", "Figures of each class", (*about, *_FIGURES), per_class),
            Table("confused", "Most confused pairs", (*about, *_CONFUSED), confused),
            Table("confusion", "Confusion", (*about, *_COUNTS), counts),
        )


_FIGURES = (
    Column("precision", "share"),
    Column("recall", "share"),
    Column("F1", "share"),
    Column("support", "count"),
)
_CONFUSED = (
    Column("answer"),
    Column("samples", "count"),
    Column("share of target", "share"),
    Column("95 % interval", "share", interval=True),
)
_COUNTS = (
    Column("answer"),
    Column("samples", "count"),
    Column("share of target", "share"),
    Column("share of answer", "share"),
)


def classes(session: Session, selection: Selection, *, by: By = "condition") -> Classes:
    """Return confusion matrices; the counts of repeats, or of a task's datasets, are added."""
    details = chosen(session, selection)
    groups = figures.grouped(details)
    if by == "task":
        groups = {}
        for detail in details:
            groups.setdefault(f"{detail.dataset.task} {detail.model}", []).append(detail)
    made = [_matrix(figures.scored(session, group), by) for group in groups.values()]
    return Classes(by=by, matrices=tuple(made))


def _matrix(runs: Sequence[Scored], by: By) -> Matrix:
    labels, counts = _added(runs)
    detail = runs[0][0]
    about = figures.place(detail)
    whole = by == "condition"
    scored = _scored(counts, len(labels), dropped=all(_drops(d) for d, _ in runs))
    of = margins(scored)
    shares = zip(precision(of), recall(of), f1(of), of.support, strict=True)
    return Matrix(
        dataset=about["dataset"] if whole else None,
        variant=about["variant"] if whole else None,
        task=about["task"],
        model=about["model"],
        condition=about["condition"] if whole else None,
        batch_size=about["batch_size"] if whole else None,
        runs=tuple(d.run.id for d, _ in runs),
        labels=labels,
        columns=(*labels, *map(str, EXTRA_COLUMNS)),
        counts=tuple(tuple(row) for row in counts.tolist()),
        by_row=_normalised(counts, axis=1),
        by_column=_normalised(counts, axis=0),
        per_class=tuple(
            ClassFigures(
                label=label, precision=number(p), recall=number(r), f1=number(f), support=int(n)
            )
            for label, (p, r, f, n) in zip(labels, shares, strict=True)
        ),
        confused=_confused(scored, labels),
    )


def _added(runs: Sequence[Scored]) -> tuple[tuple[str, ...], Counts]:
    """Return the labels of all runs, and the sum of their matrices."""
    labels = tuple(dict.fromkeys(label for _, m in runs for label in m.confusion.labels))
    place = {label: i for i, label in enumerate((*labels, *map(str, EXTRA_COLUMNS)))}
    total = np.zeros((len(labels), len(place)), dtype=np.int64)
    for _, metrics in runs:
        rows = [place[label] for label in metrics.confusion.labels]
        columns = [place[column] for column in metrics.confusion.columns]
        total[np.ix_(rows, columns)] += np.array(metrics.confusion.counts, dtype=np.int64)
    return labels, total


def _drops(detail: RunDetail) -> bool:
    return detail.spec.scoring.out_of_vocabulary == "dropped"


def _scored(counts: Counts, classes: int, *, dropped: bool) -> Counts:
    """Return the columns that are scored: the labels, then what is outside of them."""
    part = counts[:, : classes + 1].copy()
    if dropped:
        part[:, classes] = 0
    return part


def _normalised(counts: Counts, *, axis: int) -> Shares:
    totals = np.broadcast_to(counts.sum(axis=axis, keepdims=True), counts.shape)
    shares = ratio(counts.astype(np.float64), totals.astype(np.float64))
    return tuple(tuple(number(share) for share in row) for row in shares)


def _confused(scored: Counts, labels: Sequence[str]) -> tuple[ConfusedPair, ...]:
    """Return the cells off the diagonal with the largest share of their row."""
    names, support = (*labels, OUT_OF_VOCABULARY), scored.sum(axis=1).tolist()
    pairs = [
        ConfusedPair(
            target=labels[i],
            label=names[j],
            count=int(scored[i, j]),
            share=int(scored[i, j]) / support[i],
            ci95=wilson(int(scored[i, j]), support[i]),
        )
        for i, j in np.argwhere(scored).tolist()
        if i != j
    ]
    ranked = sorted(pairs, key=lambda pair: (-pair.share, -pair.count, pair.target, pair.label))
    return tuple(ranked[:MOST_CONFUSED])
