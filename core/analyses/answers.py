"""What runs say of the samples of one dataset, as arrays of label codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, String, case, cast, func, select
from sqlalchemy.orm import Session

from core.progress import RunDetail
from core.rules.agreement import MISSING, Codes
from core.tables import Prediction, Sample

BASE = 2048
"""Codes have room for the 1,000 labels that a dataset may have, and the two that follow."""

SeenSlots = tuple[Codes, NDArray[np.bool_]]
"""Slots of samples, and whether the answer to each was right."""


@dataclass(frozen=True)
class Answers:
    """The answers of several runs over the samples that any of them has an outcome for."""

    labels: tuple[str, ...]
    samples: Codes
    """Ids, ascending; one column for each."""
    target: Codes
    """MISSING where the target is none of the labels."""
    given: Codes
    """Shape (runs, samples). `beyond` is an answer outside the labels; MISSING is no answer, or
    one that the dataset's scoring rules drop."""

    @property
    def beyond(self) -> int:
        """Return the code of an answer that is none of the labels."""
        return len(self.labels)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Tell of each run and sample whether it is scored; shape (runs, samples)."""
        return np.asarray((self.given != MISSING) & (self.target != MISSING), dtype=np.bool_)


def of_runs(session: Session, details: Sequence[RunDetail]) -> Answers:
    """Return the answers of runs over one dataset; rows are in the order of the runs."""
    spec = details[0].spec
    labels = spec.labels
    pairs = packed(session, [detail.run.id for detail in details], labels)
    dropped = spec.scoring.out_of_vocabulary == "dropped"
    samples, target = _targets(session, details[0].dataset.id, labels)
    given = np.full((len(details), samples.size), MISSING, dtype=np.int64)
    asked = np.zeros(samples.size, dtype=np.bool_)
    for row, detail in enumerate(details):
        ids, codes = np.divmod(pairs[detail.run.id], BASE)
        places = np.searchsorted(samples, ids)
        asked[places] = True
        unscored = codes >= (len(labels) if dropped else len(labels) + 1)
        given[row, places] = np.where(unscored, MISSING, codes)
    return Answers(labels, samples[asked], target[asked], given[:, asked])


def by_slot(session: Session, details: Sequence[RunDetail]) -> dict[UUID, SeenSlots]:
    """Return of each run over one dataset the slots of the scored samples of its full requests.

    Beside each slot is whether the answer was right.
    """
    spec = details[0].spec
    beyond = len(spec.labels)
    scored = beyond if spec.scoring.out_of_vocabulary == "dropped" else beyond + 1
    samples, target = _targets(session, details[0].dataset.id, spec.labels)
    sizes: dict[int, list[UUID]] = {}
    for detail in details:
        sizes.setdefault(detail.run.batch_size, []).append(detail.run.id)
    pairs: dict[UUID, Codes] = {}
    for size, run_ids in sizes.items():
        pairs |= packed(session, run_ids, spec.labels, batch=size)
    found = {}
    for run_id, pair in pairs.items():
        rest, slots = np.divmod(pair, BASE)
        ids, codes = np.divmod(rest, BASE)
        truth = target[np.searchsorted(samples, ids)]
        kept = (codes < scored) & (truth != MISSING)
        found[run_id] = (slots[kept], codes[kept] == truth[kept])
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


def _targets(session: Session, dataset_id: UUID, labels: Sequence[str]) -> tuple[Codes, Codes]:
    """Return the ids of a dataset's samples, ascending, and the codes of their targets."""
    place = {label: code for code, label in enumerate(labels)}
    number = Sample.id * BASE + case(place, value=Sample.target, else_=BASE - 1)
    text = session.scalar(
        select(func.aggregate_strings(cast(number, String), " ")).where(
            Sample.dataset_id == dataset_id
        )
    )
    ids, codes = np.divmod(np.sort(numbers(text)), BASE)
    return ids, np.where(codes == BASE - 1, MISSING, codes)
