"""What runs say of the samples of one dataset, as arrays of class codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from core import sheets
from core.analyses import columns
from core.closing import is_newest
from core.progress import RunDetail
from core.rules.agreement import MISSING, Codes
from core.rules.classes import Classes
from core.rules.scoring import OUT_OF_VOCABULARY
from core.sheets import BASE, Sheet
from core.tables import Sample, Score

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
    classes = Classes.of(details[0].spec)
    written = _sheets(session, details)
    samples, target = _targets(session, details[0].dataset.id, classes)
    class_of = _class_codes(classes)
    given = np.full((len(details), samples.size), MISSING, dtype=np.int64)
    asked = np.zeros(samples.size, dtype=np.bool_)
    for row, detail in enumerate(details):
        sheet = written[detail.run.id]
        places = np.searchsorted(samples, sheet.samples)
        asked[places] = True
        given[row, places] = class_of[sheet.answers]
    if asked.all():
        return Answers(classes.names, samples, target, given)
    return Answers(classes.names, samples[asked], target[asked], given[:, asked])


def by_slot(session: Session, details: Sequence[RunDetail]) -> dict[UUID, SeenSlots]:
    """Return of each run over one dataset the slots of the scored samples of its full requests.

    Beside each slot is whether the answer was right.
    """
    classes = Classes.of(details[0].spec)
    written = _sheets(session, details)
    samples, target = _targets(session, details[0].dataset.id, classes)
    class_of = _class_codes(classes)
    found = {}
    for detail in details:
        sheet, size = written[detail.run.id], detail.run.batch_size
        given, truth = class_of[sheet.answers], target[np.searchsorted(samples, sheet.samples)]
        full = (sheet.batches == size) & (sheet.slots < size)
        kept = full & (given != MISSING) & (truth != MISSING)
        found[detail.run.id] = (sheet.slots[kept], given[kept] == truth[kept])
    return found


def _sheets(session: Session, details: Sequence[RunDetail]) -> dict[UUID, Sheet]:
    """Return the sheets of runs over one dataset: as they were last scored, else as they are now.

    While a run is retried it has no scoring.
    """
    query = select(Score.run_id, Score.sheet).where(
        Score.run_id.in_([detail.run.id for detail in details]),
        Score.sheet.is_not(None),
        is_newest(),
    )
    stored = session.execute(query)
    found = {run_id: Sheet.from_bytes(sheet) for run_id, sheet in stored if sheet is not None}
    missing = [detail.run.id for detail in details if detail.run.id not in found]
    if missing:
        found |= sheets.now(session, missing, details[0].spec.labels)
    return found


def _class_codes(classes: Classes) -> Codes:
    """Return the code of the class of each answer of a sheet."""
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
    ids, codes = np.divmod(np.sort(sheets.numbers(text)), BASE)
    return ids, np.where(codes == BASE - 1, MISSING, codes)
