"""What changes when one part of the condition does: frames, modality, template, color."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analyses import answers, figures
from core.analyses.answers import Answers
from core.analyses.comparing import Comparison, compare
from core.analyses.selection import Selection, by_dataset, chosen
from core.analyses.series import FlippedSample, Point, Series, Varying
from core.progress import RunDetail
from core.rules.agreement import (
    MISSING,
    Codes,
    bootstrap_intervals,
    flip_rate,
    flipped,
    krippendorff_alpha,
    tally,
)
from core.rules.metrics import METRICS, MetricName
from core.rules.scoring import number
from core.tables import Sample
from core.vocabulary import Color, Modality

SHOWN_FLIPS = 100
"""Samples that flip which are listed for each series; `flipped` counts all."""


Condition = Mapping[str, Any]


@dataclass(frozen=True)
class Variation:
    """Which parts of the condition vary, how a value reads, and which comes first."""

    name: str
    parts: tuple[str, ...]
    value: Callable[[Condition], str]
    order: Callable[[Condition], Any]
    """The lowest is the first point, which the others are compared with."""


def _shown(condition: Condition) -> str:
    frames = condition.get("frames")
    return f"{condition['modality']} {frames} frames" if frames else str(condition["modality"])


FRAMES = Variation(
    "frames",
    ("frames",),
    lambda condition: str(condition.get("frames")),
    lambda condition: condition.get("frames") or 0,
)
MODALITY = Variation(
    "modality",
    ("modality", "frames"),
    _shown,
    lambda condition: (list(Modality).index(condition["modality"]), condition.get("frames") or 0),
)
TEMPLATE = Variation(
    "template",
    ("template",),
    lambda condition: str(condition.get("template")),
    lambda condition: (
        not str(condition.get("template")).startswith("default"),
        str(condition.get("template")),
    ),
)
COLOR = Variation(
    "color",
    ("color",),
    lambda condition: str(condition["color"]),
    lambda condition: list(Color).index(condition["color"]),
)


def temporal(session: Session, selection: Selection) -> Varying:
    """Return how the figures change with the number of frames of a video."""
    runs = [d for d in chosen(session, selection) if d.run.condition.get("frames")]
    return _varying(session, runs, FRAMES)


def fusion(session: Session, selection: Selection) -> Varying:
    """Return how the figures change with what is shown: text, video, or both."""
    found = _varying(session, chosen(session, selection), MODALITY)
    fused = [s for s in found.series if len({p.condition["modality"] for p in s.points}) > 1]
    return Varying(varied=found.varied, series=tuple(fused))


def templates(session: Session, selection: Selection) -> Varying:
    """Return how the figures, and which answers, change with the wording of the prompt."""
    return _varying(session, chosen(session, selection), TEMPLATE)


def color(session: Session, selection: Selection) -> Varying:
    """Return what color is worth: runs in gray, each against the same run in color."""
    runs = [d for d in chosen(session, selection) if d.run.condition.get("color")]
    return _varying(session, runs, COLOR)


def _varying(session: Session, details: Sequence[RunDetail], by: Variation) -> Varying:
    series = []
    for dataset in by_dataset(details):
        groups = figures.grouped(dataset, without=by.parts)
        varied = [points for group in groups.values() if len(points := _points(group, by)) > 1]
        used = [d for points in varied for runs in points.values() for d in runs]
        if not used:
            continue
        of = answers.of_runs(session, used)
        rows = {detail.run.id: row for row, detail in enumerate(used)}
        series += [_series(session, points, by, of, rows) for points in varied]
    return Varying(varied=by.name, series=tuple(series))


def _points(group: Sequence[RunDetail], by: Variation) -> dict[str, list[RunDetail]]:
    """Return the runs of each value, the values in order, the repeats of each in order."""
    points: dict[str, list[RunDetail]] = {}
    for detail in sorted(group, key=lambda d: (by.order(d.run.condition), d.run.repeat)):
        points.setdefault(by.value(detail.run.condition), []).append(detail)
    return points


def _series(
    session: Session,
    points: Mapping[str, Sequence[RunDetail]],
    by: Variation,
    of: Answers,
    rows: Mapping[UUID, int],
) -> Series:
    first = next(iter(points.values()))
    made = [
        Point(
            **figures.cell(figures.scored(session, runs)).model_dump(),
            value=value,
            compared=() if runs is first else _against(first, runs, of, rows),
        )
        for value, runs in points.items()
    ]
    # One answer for each point, so that a point with more repeats has no more say.
    given = of.given[[rows[runs[0].run.id] for runs in points.values()]]
    tallied = tally(given, of.beyond + 1)
    changed = flipped(given)
    return Series(
        **figures.place(first[0], without=by.parts),
        points=tuple(made),
        spread={name: _spread(made, name) for name in METRICS},
        flip_rate=number(flip_rate(tallied)),
        flip_ci95=bootstrap_intervals([flip_rate], tallied)[0],
        alpha=number(krippendorff_alpha(tallied)),
        flipped=int(changed.sum()),
        flips=_flips(session, of, given, changed, list(points)),
    )


def _against(
    first: Sequence[RunDetail],
    runs: Sequence[RunDetail],
    of: Answers,
    rows: Mapping[UUID, int],
) -> tuple[Comparison, ...]:
    return tuple(
        compare(of, rows[a.run.id], rows[b.run.id], (a.run.id, b.run.id))
        for a, b in zip(first, runs, strict=False)
    )


def _spread(points: Sequence[Point], name: MetricName) -> float | None:
    means = [m for point in points if (m := point.metrics[name].mean) is not None]
    return max(means) - min(means) if means else None


def _flips(
    session: Session,
    of: Answers,
    answered: Codes,
    changed: NDArray[np.bool_],
    values: Sequence[str],
) -> tuple[FlippedSample, ...]:
    """Return the samples with the most different answers."""
    given, samples, target = answered[:, changed], of.samples[changed], of.target[changed]
    ordered = np.sort(given, axis=0)
    different = (np.diff(ordered, axis=0) > 0).sum(axis=0) - (ordered[0] == MISSING)
    first = np.argsort(-different, kind="stable")[:SHOWN_FLIPS]
    wanted = [int(samples[place]) for place in first]
    found = session.execute(select(Sample.id, Sample.name).where(Sample.id.in_(wanted)))
    names: dict[int, str] = {row.id: row.name for row in found}
    return tuple(
        FlippedSample(
            id=sample,
            name=names[sample],
            target=of.word(int(target[place])),
            answers={
                value: of.word(code)
                for value, code in zip(values, given[:, place].tolist(), strict=True)
            },
        )
        for sample, place in zip(wanted, first, strict=True)
    )
