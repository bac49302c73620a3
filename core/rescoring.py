"""A run that has ended, parsed and scored again from what is stored: at no cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.orm import Session

from core import closing, retention, runs
from core.errors import Conflict
from core.rereading import Reread, Revision, reader_of, reread
from core.rules.differences import Difference, differences
from core.rules.states import ENDED
from core.tables import Prediction, Request, Run, Score
from core.vocabulary import Origin, Outcome

IDS = 20_000
"""Requests whose ids are in memory at once."""

Move = tuple[Outcome, Outcome]
"""The outcomes of a prediction before and after."""


@dataclass
class Rescore:
    """What scoring a run again changes."""

    run_id: UUID
    version: int
    """Of the scoring that holds now: a new one if anything changed."""
    parsers: tuple[int | None, int | None]
    """The parser of the scoring before, and of this; None: of none of ours."""
    replies: int = 0
    """Stored replies that were read again."""
    moves: Counter[Move] = field(default_factory=Counter)
    """Predictions that changed, by their outcomes."""
    revisions: list[Revision] = field(default_factory=list)
    """The first of them."""
    figures: Sequence[Difference] = ()

    @property
    def changed(self) -> int:
        """Return how many predictions changed."""
        return self.moves.total()

    @property
    def differs(self) -> bool:
        """Tell whether there is anything to keep."""
        return bool(self.changed or self.figures)


def survey(session: Session, run_id: UUID) -> tuple[list[int], int]:
    """Return the requests of a run that are read in another way now, and the replies it read.

    Only reads, however long it takes; `rescore` then has to read these few again, while it holds
    what it changes. Raises NotFound, Conflict for a run that has no stored scoring, and RawDropped
    for one whose replies are gone.
    """
    run = runs.get(session, run_id)
    _scored(session, run)
    if run.origin is Origin.PUBLISHED:
        return [], 0  # there are no replies
    reader, changed, replies, last = reader_of(session, run), [], 0, 0
    while ids := _next_requests(session, run_id, last):
        for one in reread(session, run_id, reader, ids):
            replies += one.replies
            if one.revisions:
                changed.append(one.request_id)
        last = ids[-1]
    return changed, replies


def rescore(
    session: Session,
    run_id: UUID,
    surveyed: tuple[Sequence[int], int],
    *,
    note: str | None,
    shown: int,
    now: datetime,
) -> Rescore:
    """Write what some requests are read as now, and the figures that follow; tell what changed.

    The same whether it is meant or not: for a dry run the caller rolls back. If nothing changed
    nothing is written. `shown` bounds the revisions that are told. Raises NotFound and Conflict.
    """
    runs.hold(session, [run_id])
    run = runs.get(session, run_id)
    session.refresh(run)
    before = _scored(session, run)
    requests, replies = surveyed
    made = Rescore(run_id, before.version, (before.parser, closing.parser_of(run)), replies)
    _revise(session, run, requests, made, shown)
    figures = closing.metrics(session, run).model_dump(mode="json")
    made.figures = differences(before.metrics, figures)
    if made.differs:
        made.version += 1
        session.add(
            Score(
                run_id=run_id,
                version=made.version,
                scored_at=now,
                parser=made.parsers[1],
                changed=made.changed,
                note=note,
                metrics=figures,
                sheet=closing.sheet(session, run),
            )
        )
        session.flush()
    return made


def _scored(session: Session, run: Run) -> Score:
    """Return the newest scoring of a run that has ended with figures. Raises Conflict."""
    found = closing.newest(session, run)
    if run.status not in ENDED or found is None:
        raise Conflict(
            f"run {run.id} is {run.status.value}: only a run that completed or failed has stored"
            " figures, and can be scored again",
            status=run.status.value,
        )
    retention.require_raw(session, run)
    return found


def _next_requests(session: Session, run_id: UUID, after: int) -> list[int]:
    """Return the next requests of a run, by id."""
    found = session.scalars(
        select(Request.id)
        .where(Request.run_id == run_id, Request.id > after)
        .order_by(Request.id)
        .limit(IDS)
    )
    return list(found)


def _revise(session: Session, run: Run, requests: Sequence[int], made: Rescore, shown: int) -> None:
    """Write the predictions that changed, and the totals of their run."""
    if not requests:
        return
    reader = reader_of(session, run)
    lost_nano = 0
    for one in reread(session, run.id, reader, requests):
        _write(session, run.id, one)
        lost_nano += one.lost_nano
        made.moves.update((r.before["outcome"], r.after["outcome"]) for r in one.revisions)
        made.revisions += one.revisions[: max(0, shown - len(made.revisions))]
    if made.changed:
        run.lost_nano += lost_nano
        for outcome, count in _outcomes(session, run.id).items():
            setattr(run, outcome.value, count)
        session.flush()


def _write(session: Session, run_id: UUID, one: Reread) -> None:
    """Write the revisions of one request."""
    if one.revisions:
        table = Prediction.__table__
        found = and_(table.c.run_id == run_id, table.c.sample_id == bindparam("sample"))
        session.connection().execute(
            update(table).where(found),  # type: ignore[arg-type]
            [{"sample": revision.sample_id, **revision.after} for revision in one.revisions],
        )


def _outcomes(session: Session, run_id: UUID) -> Mapping[Outcome, int]:
    """Return how many predictions of a run have each outcome."""
    rows = session.execute(
        select(Prediction.outcome, func.count().label("number"))
        .where(Prediction.run_id == run_id)
        .group_by(Prediction.outcome)
    )
    return dict.fromkeys(Outcome, 0) | {row.outcome: row.number for row in rows}
