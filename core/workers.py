"""Workers that live: they say so themselves, and the API looks at when they last did."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import __version__
from core.rules.stalls import ALIVE_FOR
from core.rules.standings import ModelStanding
from core.tables import Standing, Worker

REMEMBERED = timedelta(days=1)
"""How long a worker that is gone is remembered: it says since when there is none."""


@dataclass(frozen=True)
class Life:
    """What a worker says when it says that it lives."""

    owner: str
    started_at: datetime
    ticked_at: datetime | None
    rescued: int
    spool_bytes: int = 0
    stopped_at: datetime | None = None
    """When it ended in good order, if this is its last word."""


def note(session: Session, life: Life, *, now: datetime) -> None:
    """Write that a worker lives; the first time forget those that are long gone."""
    values = {
        "seen_at": now,
        "ticked_at": life.ticked_at,
        "rescued": life.rescued,
        "spool_bytes": life.spool_bytes,
        "stopped_at": life.stopped_at,
    }
    seen = session.scalar(
        update(Worker).where(Worker.owner == life.owner).values(values).returning(Worker.owner)
    )
    if seen is not None:
        return
    session.execute(delete(Worker).where(Worker.seen_at < now - REMEMBERED))
    own = {"owner": life.owner, "version": __version__, "started_at": life.started_at}
    session.execute(insert(Worker), [{**own, **values}])


def known(session: Session) -> Sequence[Worker]:
    """Return the workers that live, or did within a day, the last seen first."""
    return session.scalars(select(Worker).order_by(Worker.seen_at.desc())).all()


def lives(worker: Worker, *, now: datetime) -> bool:
    """Tell whether a worker is taken to live."""
    return worker.stopped_at is None and now - worker.seen_at < ALIVE_FOR


def note_standing(
    session: Session, model_id: UUID, standing: ModelStanding, *, now: datetime
) -> None:
    """Write how a model's limits stand; whoever looked last is right."""
    values: dict[str, Any] = {"at": now, "body": standing.model_dump(mode="json")}
    seen = session.scalar(
        update(Standing)
        .where(Standing.model_id == model_id)
        .values(values)
        .returning(Standing.model_id)
    )
    if seen is not None:
        return
    try:
        with session.begin_nested():
            session.execute(insert(Standing), [{"model_id": model_id, **values}])
    except IntegrityError:
        # Another worker looked for the first time at this very moment.
        return


def standings(session: Session, model_ids: Collection[UUID]) -> dict[UUID, ModelStanding]:
    """Return how the limits of some models stood when a worker last looked."""
    rows = session.execute(
        select(Standing.model_id, Standing.at, Standing.body).where(
            Standing.model_id.in_(model_ids)
        )
    )
    return {model: ModelStanding.model_validate({**body, "at": at}) for model, at, body in rows}
