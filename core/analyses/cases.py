"""Cases: the single predictions behind a figure, each with its sample and its raw answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, joinedload

from core import datasets, runs
from core.analyses import columns
from core.analyses.figures import Body, told
from core.analyses.selection import Selection, by_dataset, chosen
from core.paging import Key, Slice, fetch
from core.progress import RunDetail
from core.rules.classes import Classes
from core.rules.tables import Column, Table
from core.tables import Prediction, Sample
from core.vocabulary import MediaKind, Outcome


@dataclass(frozen=True)
class CaseFilter:
    """Which predictions are wanted; what is None lets everything pass."""

    outcome: Outcome | None = None
    target: str | None = None
    """A class, which is a row of the confusion matrix; else a target as it is spelled."""
    label: str | None = None
    """A class or out_of_vocabulary, which is a column; else an answer as it is spelled."""
    right: bool | None = None
    """Whether it was right, or wrong; one that is not scored is neither."""
    rank: int | None = None
    """Place of the first right one among the ranked labels, from 1; 0: there is none."""
    agreed: bool | None = None
    """Whether all of the selected runs that answered the sample gave one class, or not."""
    sample: int | None = None
    """The id of one sample."""
    against: UUID | None = None
    """Another run: where that one is right if this is wrong, and wrong if this is right."""


class Case(Body):
    """One prediction."""

    run_id: UUID
    dataset: str
    model: str
    condition: str
    """In words."""
    batch_size: int
    """Of the run; `batch` is that of the request."""
    repeat: int
    sample_id: int
    sample: str
    target: str | float
    """A label, or a number."""
    target_class: str | None
    """Null where the target decides nothing."""
    text: str | None
    media: int
    """How many media the sample has."""
    media_kind: MediaKind | None
    """Null where it has none."""
    outcome: Outcome
    label: str | None
    label_class: str | None
    """Null where there is no answer, or one outside the labels."""
    right: bool | None
    """Null where it is not scored."""
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
    """Return a page of predictions, by run and then in the order of the dataset.

    Raises NotFound for a run that is not there.
    """
    if wanted.against is not None:
        runs.get(session, wanted.against)
    details = {detail.run.id: detail for detail in chosen(session, selection)}
    groups = by_dataset(list(details.values()))
    rules = {group[0].dataset.id: Classes.of(group[0].spec) for group in groups}
    query = (
        select(Prediction)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id.in_(details), *_conditions(wanted, groups, rules))
        .options(joinedload(Prediction.sample).load_only(*_ABOUT))
    )
    order = (Prediction.run_id, Prediction.sample_id)
    found = fetch(session, query, order, after=after, limit=limit)
    shown = [
        _case(row, detail := details[row.run_id], rules[detail.dataset.id]) for row in found.rows
    ]
    return Slice(shown, found.next_key)


def table(found: Sequence[Case]) -> Table:
    """Return cases as a table."""
    rows = [
        (
            one.dataset,
            one.model,
            one.condition,
            one.batch_size,
            one.repeat,
            one.sample,
            one.target,
            str(one.outcome),
            ", ".join(one.ranked) if one.ranked else one.label,
            None if one.right is None else "yes" if one.right else "no",
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
    Column("batch", "count"),
    Column("repeat", "count"),
    Column("sample"),
    Column("target"),
    Column("outcome"),
    Column("answer"),
    Column("right"),
    Column("rank", "count"),
    Column("attempt", "count"),
)


_ABOUT = (Sample.name, Sample.target, Sample.target_number, Sample.text, Sample.media)


def _conditions(
    wanted: CaseFilter, groups: Sequence[Sequence[RunDetail]], rules: Mapping[UUID, Classes]
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []

    def add(condition: Callable[[Classes], ColumnElement[bool]]) -> None:
        """Add what every dataset has its own words for."""
        of = (and_(Sample.dataset_id == own, condition(classes)) for own, classes in rules.items())
        found.append(or_(false(), *of))

    for column, value in (
        (Prediction.sample_id, wanted.sample),
        (Prediction.outcome, wanted.outcome),
    ):
        if value is not None:
            found.append(column == value)
    if (target := wanted.target) is not None:
        add(lambda classes: columns.target_is(classes, target))
    if (label := wanted.label) is not None:
        add(lambda classes: columns.answer_is(classes, label))
    if wanted.right is not None or wanted.rank is not None:
        add(columns.scored)
        found += _verdicts(wanted)
    if wanted.agreed is not None:
        agreeing = (
            _agreeing(group, rules[group[0].dataset.id], agree=wanted.agreed) for group in groups
        )
        found.append(or_(false(), *(Prediction.sample_id.in_(one) for one in agreeing)))
    if (against := wanted.against) is not None:
        add(lambda classes: _judged_otherwise(against, classes))
    return found


def _verdicts(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    """Return what is asked of the place of the first right label."""
    found: list[ColumnElement[bool]] = []
    if wanted.right is not None:
        found.append(_is_right() if wanted.right else ~_is_right())
    if wanted.rank is not None:
        none = Prediction.rank.is_(None)
        found.append(none if wanted.rank == 0 else Prediction.rank == wanted.rank)
    return found


def _is_right() -> ColumnElement[bool]:
    return and_(Prediction.rank.is_not(None), Prediction.rank == 1)


def _judged_otherwise(against: UUID, classes: Classes) -> ColumnElement[bool]:
    """Return the condition that one run is right and the other one wrong."""

    def judged(verdict: ColumnElement[bool]) -> Select[int]:
        return (
            select(Prediction.sample_id)
            .join(Sample, Sample.id == Prediction.sample_id)
            .where(Prediction.run_id == against, columns.scored(classes), verdict)
            .correlate(None)
        )

    lost = and_(_is_right(), Prediction.sample_id.in_(judged(~_is_right())))
    won = and_(~_is_right(), Prediction.sample_id.in_(judged(_is_right())))
    return and_(columns.scored(classes), or_(lost, won))


def _agreeing(group: Sequence[RunDetail], classes: Classes, *, agree: bool) -> Select[int]:
    """Return the query for samples that several runs answered, and all alike or not."""
    given = columns.answer_class(classes)
    lowest, highest = func.min(given), func.max(given)
    return (
        select(Prediction.sample_id)
        .where(Prediction.run_id.in_([detail.run.id for detail in group]))
        .group_by(Prediction.sample_id)
        .having(func.count(given) > 1, lowest == highest if agree else lowest != highest)
    )


def _case(row: Prediction, detail: RunDetail, classes: Classes) -> Case:
    sample = row.sample
    target = classes.of_target(sample.target, sample.target_number)
    left_out = target is None or row.label is None or (classes.drops and not row.in_vocabulary)
    return Case(
        run_id=row.run_id,
        dataset=datasets.version(detail.dataset),
        model=detail.model,
        condition=told(detail.run.condition),
        batch_size=detail.run.batch_size,
        repeat=detail.run.repeat,
        sample_id=row.sample_id,
        sample=sample.name,
        target=sample.target_number if sample.target is None else sample.target,
        target_class=target,
        text=sample.text,
        media=len(sample.media),
        media_kind=MediaKind(sample.media[0]["kind"]) if sample.media else None,
        outcome=row.outcome,
        label=row.label,
        label_class=classes.labels.get(row.label or ""),
        right=None if left_out else row.rank == 1,
        ranked=None if row.ranked is None else tuple(row.ranked),
        rank=row.rank,
        slot=row.slot,
        batch=row.batch,
        request_id=row.request_id,
        attempt_id=row.attempt_id,
    )
