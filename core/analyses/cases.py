"""Cases: the single predictions behind a figure, each with its sample and its raw answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, joinedload

from core import datasets
from core.analyses.figures import Body, told
from core.analyses.selection import Selection, chosen
from core.paging import Key, Slice, fetch
from core.progress import RunDetail
from core.rules.tables import Column, Table
from core.tables import Prediction, Sample
from core.vocabulary import Outcome


@dataclass(frozen=True)
class CaseFilter:
    """Which predictions are wanted; what is None lets everything pass."""

    outcome: Outcome | None = None
    target: str | None = None
    label: str | None = None
    """The answered label; with `target` it names a cell of the confusion matrix."""
    right: bool | None = None
    rank: int | None = None
    """Place of the target among the ranked labels, from 1; 0: it is not there."""
    agreed: bool | None = None
    """Whether all of the selected runs that answered the sample gave one label, or not."""


class Case(Body):
    """One prediction."""

    run_id: UUID
    dataset: str
    model: str
    condition: str
    """In words."""
    repeat: int
    sample_id: int
    sample: str
    target: str | None
    text: str | None
    media: int
    """How many media the sample has."""
    outcome: Outcome
    label: str | None
    ranked: tuple[str, ...] | None
    rank: int | None
    slot: int | None
    batch: int | None
    request_id: int | None
    attempt_id: int | None


def cases(
    session: Session,
    selection: Selection,
    wanted: CaseFilter,
    *,
    after: Key | None,
    limit: int,
) -> Slice[Case]:
    """Return a page of predictions, by run and then in the order of the dataset."""
    details = {detail.run.id: detail for detail in chosen(session, selection)}
    query = (
        select(Prediction)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id.in_(details), *_conditions(wanted, list(details)))
        .options(
            joinedload(Prediction.sample).load_only(
                Sample.name, Sample.target, Sample.text, Sample.media
            )
        )
    )
    order = (Prediction.run_id, Prediction.sample_id)
    found = fetch(session, query, order, after=after, limit=limit)
    return Slice([_case(row, details[row.run_id]) for row in found.rows], found.next_key)


def table(found: Sequence[Case]) -> Table:
    """Return cases as a table."""
    rows = [
        (
            one.dataset,
            one.model,
            one.condition,
            one.repeat,
            one.sample,
            one.target,
            str(one.outcome),
            ", ".join(one.ranked) if one.ranked else one.label,
            one.rank,
            one.attempt_id,
        )
        for one in found
    ]
    return Table("cases", "Cases", _COLUMNS, rows)


_COLUMNS = (
    Column("dataset"),
    Column("model"),
    Column("condition"),
    Column("repeat", "count"),
    Column("sample"),
    Column("target"),
    Column("outcome"),
    Column("answer"),
    Column("rank", "count"),
    Column("attempt", "count"),
)


def _conditions(wanted: CaseFilter, run_ids: Sequence[UUID]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.outcome is not None:
        found.append(Prediction.outcome == wanted.outcome)
    if wanted.target is not None:
        found.append(Sample.target == wanted.target)
    if wanted.label is not None:
        found.append(Prediction.label == wanted.label)
    if wanted.right is not None:
        answered = Prediction.label.is_not(None)
        same = Prediction.label == Sample.target
        found.append(and_(answered, same if wanted.right else ~same))
    if wanted.rank is not None:
        missing = and_(Prediction.label.is_not(None), Prediction.rank.is_(None))
        found.append(missing if wanted.rank == 0 else Prediction.rank == wanted.rank)
    if wanted.agreed is not None:
        found.append(Prediction.sample_id.in_(_agreeing(run_ids, agree=wanted.agreed)))
    return found


def _agreeing(run_ids: Sequence[UUID], *, agree: bool) -> Select[int]:
    """Return the query for samples that several runs answered, and all alike or not."""
    lowest, highest = func.min(Prediction.label), func.max(Prediction.label)
    return (
        select(Prediction.sample_id)
        .where(Prediction.run_id.in_(run_ids), Prediction.label.is_not(None))
        .group_by(Prediction.sample_id)
        .having(func.count() > 1, lowest == highest if agree else lowest != highest)
    )


def _case(row: Prediction, detail: RunDetail) -> Case:
    sample = row.sample
    return Case(
        run_id=row.run_id,
        dataset=datasets.version(detail.dataset),
        model=detail.model,
        condition=told(detail.run.condition),
        repeat=detail.run.repeat,
        sample_id=row.sample_id,
        sample=sample.name,
        target=sample.target,
        text=sample.text,
        media=len(sample.media),
        outcome=row.outcome,
        label=row.label,
        ranked=None if row.ranked is None else tuple(row.ranked),
        rank=row.rank,
        slot=row.slot,
        batch=row.batch,
        request_id=row.request_id,
        attempt_id=row.attempt_id,
    )
