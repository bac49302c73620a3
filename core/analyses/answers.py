"""What runs say of the samples of one dataset, as arrays of class codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, String, case, cast, func, select
from sqlalchemy.orm import Session

from core.analyses import columns
from core.progress import RunDetail
from core.rules.agreement import MISSING, Codes
from core.rules.classes import Classes
from core.rules.scoring import OUT_OF_VOCABULARY
from core.tables import Prediction, Sample

BASE = 2048
"""Codes have room for the 1,000 labels that a dataset may have, and the two that follow."""

SeenSlots = tuple[Codes, NDArray[np.bool_]]
"""Slots of samples, and whether the answer to each was right."""


@dataclass(frozen=True)
class Answers:
    """The answers of several runs over the samples that any of them has an outcome for."""

    classes: tuple[str, ...]
    """What labels and targets are compared as; the labels themselves where none are mapped."""
    samples: Codes
    """Ids, ascending; one column for each."""
    target: Codes
    """MISSING where the target decides nothing, such as a number of exactly 0."""
    given: Codes
    """Shape (runs, samples). `beyond` is an answer outside the labels; MISSING is no answer, or
    one that the dataset's scoring rules drop."""

    @property
    def beyond(self) -> int:
        """Return the code of an answer that is none of the labels."""
        return len(self.classes)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Tell of each run and sample whether it is scored; shape (runs, samples)."""
        return np.asarray((self.given != MISSING) & (self.target != MISSING), dtype=np.bool_)

    def word(self, code: int) -> str | None:
        """Return what a code stands for: a class, or None for what is missing."""
        return None if code == MISSING else (*self.classes, OUT_OF_VOCABULARY)[code]


def of_runs(session: Session, details: Sequence[RunDetail]) -> Answers:
    """Return the answers of runs over one dataset; rows are in the order of the runs."""
    spec = details[0].spec
    pairs = packed(session, [detail.run.id for detail in details], spec.labels)
    classes = Classes.of(spec)
    samples, target = _targets(session, details[0].dataset.id, classes)
    class_of = _class_codes(classes)
    given = np.full((len(details), samples.size), MISSING, dtype=np.int64)
    asked = np.zeros(samples.size, dtype=np.bool_)
    for row, detail in enumerate(details):
        ids, labels = np.divmod(pairs[detail.run.id], BASE)
        places = np.searchsorted(samples, ids)
        asked[places] = True
        given[row, places] = class_of[labels]
    return Answers(classes.names, samples[asked], target[asked], given[:, asked])


def by_slot(session: Session, details: Sequence[RunDetail]) -> dict[UUID, SeenSlots]:
    """Return of each run over one dataset the slots of the scored samples of its full requests.

    Beside each slot is whether the answer was right.
    """
    spec = details[0].spec
    classes = Classes.of(spec)
    samples, target = _targets(session, details[0].dataset.id, classes)
    class_of = _class_codes(classes)
    sizes: dict[int, list[UUID]] = {}
    for detail in details:
        sizes.setdefault(detail.run.batch_size, []).append(detail.run.id)
    pairs: dict[UUID, Codes] = {}
    for size, run_ids in sizes.items():
        pairs |= packed(session, run_ids, spec.labels, batch=size)
    found = {}
    for run_id, pair in pairs.items():
        rest, slots = np.divmod(pair, BASE)
        ids, labels = np.divmod(rest, BASE)
        given, truth = class_of[labels], target[np.searchsorted(samples, ids)]
        kept = (given != MISSING) & (truth != MISSING)
        found[run_id] = (slots[kept], given[kept] == truth[kept])
    return found


def packed(
    session: Session, run_ids: Sequence[UUID], labels: Sequence[str], *, batch: int | None = None
) -> dict[UUID, Codes]:
    """Return the predictions of each run as numbers: sample id x BASE + code of the answer.

    The code is that of the label, then one for an answer outside the labels, then one for no
    answer. With `batch`, only predictions from requests of that size, and the number is (that) x
    BASE + slot. Each run comes as one string: to fetch a million predictions as rows takes four
    times as long, to group them in SQL three times (measured on SQLite).
    """
    place = {label: code for code, label in enumerate(labels)}
    none = case((Prediction.label.is_(None), len(labels) + 1), else_=len(labels))
    number: ColumnElement[int] = Prediction.sample_id * BASE + case(
        place, value=Prediction.label, else_=none
    )
    if batch is not None:
        number = number * BASE + Prediction.slot
    query = (
        select(Prediction.run_id, func.aggregate_strings(cast(number, String), " "))
        .where(Prediction.run_id.in_(run_ids))
        .group_by(Prediction.run_id)
    )
    if batch is not None:
        query = query.where(Prediction.batch == batch, Prediction.slot < batch)
    found = dict.fromkeys(run_ids, np.zeros(0, dtype=np.int64))
    for run_id, text in session.execute(query):
        found[run_id] = numbers(text)
    return found


def numbers(text: str | None) -> Codes:
    """Return whole numbers that are separated by blanks."""
    return np.fromstring(text or "", dtype=np.int64, sep=" ")


def _class_codes(classes: Classes) -> Codes:
    """Return the code of the class of each code that `packed` gives."""
    place = {name: code for code, name in enumerate(classes.names)}
    known = [place[name] for name in classes.labels.values()]
    beyond = MISSING if classes.drops else len(place)
    return np.array([*known, beyond, MISSING], dtype=np.int64)


def _targets(session: Session, dataset_id: UUID, classes: Classes) -> tuple[Codes, Codes]:
    """Return the ids of a dataset's samples, ascending, and the codes of their targets."""
    number = Sample.id * BASE + columns.target_code(classes, undecided=BASE - 1)
    text = session.scalar(
        select(func.aggregate_strings(cast(number, String), " ")).where(
            Sample.dataset_id == dataset_id
        )
    )
    ids, codes = np.divmod(np.sort(numbers(text)), BASE)
    return ids, np.where(codes == BASE - 1, MISSING, codes)
