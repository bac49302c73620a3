"""The answers of a run as one value, stored with its scoring: a million predictions in a few rows.

Analyses that need single samples read these and scan no predictions.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, SQLColumnExpression, String, case, cast, func, select
from sqlalchemy.orm import Session

from core.tables import Prediction

Codes = NDArray[np.int64]

BASE = 2048
"""Codes have room for the 1,000 labels that a dataset may have and the two that follow, and for
the slots of any batch."""
NO_SLOT = BASE - 1
LEVEL = 1
"""Of zlib: a third larger than the best, in a fifth of the time."""
WIDTHS = [np.dtype(width) for width in ("<i8", "<u2", "<u2", "<u2")]
"""Of the ids, each less the one before, of the answers, the slots and the batches."""


@dataclass(frozen=True)
class Sheet:
    """What a run says of each sample it has an outcome for; arrays of one length."""

    samples: Codes
    """Ids, ascending."""
    answers: Codes
    """The place of the label among the dataset's, then one for any other label, then one for no
    answer."""
    slots: Codes
    """Places in the requests; NO_SLOT where none is known."""
    batches: Codes
    """Samples in those requests; NO_SLOT where that is not known."""

    def to_bytes(self) -> bytes:
        """Return the sheet as it is stored."""
        steps = np.diff(self.samples, prepend=0)
        parts = (steps, self.answers, self.slots, self.batches)
        written = (part.astype(width).tobytes() for part, width in zip(parts, WIDTHS, strict=True))
        return zlib.compress(b"".join(written), LEVEL)

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Sheet":
        """Return the sheet that `to_bytes` wrote."""
        raw, start = zlib.decompress(stored), 0
        length = len(raw) // sum(width.itemsize for width in WIDTHS)
        parts = []
        for width in WIDTHS:
            parts.append(np.frombuffer(raw, width, length, start).astype(np.int64))
            start += length * width.itemsize
        return cls(np.cumsum(parts[0]), *parts[1:])


def now(session: Session, run_ids: Sequence[UUID], labels: Sequence[str]) -> dict[UUID, Sheet]:
    """Return the sheets of runs over one dataset as their predictions are now.

    Each comes as two strings of numbers that both begin with the sample's id: to fetch a million
    predictions as rows takes four times as long (measured on SQLite).
    """
    place = {label: code for code, label in enumerate(labels)}
    none = case((Prediction.label.is_(None), len(labels) + 1), else_=len(labels))
    answer = Prediction.sample_id * BASE + case(place, value=Prediction.label, else_=none)
    slot = (Prediction.sample_id * BASE + _small(Prediction.slot)) * BASE + _small(Prediction.batch)
    query = (
        select(Prediction.run_id, _joined(answer), _joined(slot))
        .where(Prediction.run_id.in_(run_ids))
        .group_by(Prediction.run_id)
    )
    empty = np.zeros(0, dtype=np.int64)
    found = dict.fromkeys(run_ids, Sheet(empty, empty, empty, empty))
    for run_id, first, second in session.execute(query):
        ids, answers = np.divmod(np.sort(numbers(first)), BASE)
        slots, batches = np.divmod(np.sort(numbers(second)) % BASE**2, BASE)
        found[run_id] = Sheet(ids, answers, slots, batches)
    return found


def numbers(text: str | None) -> Codes:
    """Return whole numbers that are separated by blanks."""
    return np.fromstring(text or "", dtype=np.int64, sep=" ")


def _small(column: SQLColumnExpression[int | None]) -> ColumnElement[int]:
    """Return a slot or a size as it is; NO_SLOT where there is none."""
    return case((column < NO_SLOT, column), else_=NO_SLOT)


def _joined(number: ColumnElement[int]) -> ColumnElement[str]:
    return func.aggregate_strings(cast(number, String), " ")
