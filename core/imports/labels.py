"""Targets as sources write them, matched to a dataset's labels."""

import math
import re
from collections.abc import Iterable
from typing import Any

from core.errors import InvalidMedia
from core.rules.specs import DatasetSpec

_INTENSITY = re.compile(r"[+-]?\d*\.\d+")
_WHOLE = re.compile(r"[+-]?\d+")


def number_of(target: Any) -> float | None:
    """Return the intensity that a target states, or None.

    A number counts when it is written with a decimal point. A bare integer is far more often
    the index of a class, which means nothing without the list it points into.
    """
    if isinstance(target, float):
        return target if math.isfinite(target) else None
    text = str(target).strip()
    return float(text) if _INTENSITY.fullmatch(text) else None


def labels_of(spec: DatasetSpec) -> "Labels":
    """Return what a dataset's targets may be: its labels, or the classes they are mapped to."""
    return Labels((*spec.classes, *spec.labels), numbers=spec.scoring.target == "sign")


class Labels:
    """The labels of a dataset, found whatever the case they are written in.

    With `numbers` whole numbers are intensities too: no target can be the index of a class.
    """

    def __init__(self, labels: Iterable[str], *, numbers: bool = False) -> None:
        self._numbers = numbers
        self._known = {label.strip().casefold(): label for label in labels}

    def spelled(self, written: str) -> str | None:
        """Return a label as the dataset spells it; None for a word that is none."""
        return self._known.get(written.casefold())

    def match(self, target: Any) -> str | float:
        """Return the label as the dataset spells it, or a number; else InvalidMedia."""
        written = "" if target is None else str(target).strip()
        if not written:
            raise InvalidMedia("has no label")
        label = self.spelled(written)
        if label is not None:
            return label
        number = number_of(
            f"{written}.0" if self._numbers and _WHOLE.fullmatch(written) else target
        )
        if number is None:
            known = ", ".join(list(self._known.values())[:50])
            raise InvalidMedia(f"has the label {written[:100]!r}, which is not one of {known}")
        return number
