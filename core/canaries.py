"""Canaries: the first call of a job to a model, which goes alone before the others may.

Runs of a job with the same model and modality wait for one canary. It is a request of theirs like
any other, the first that is due. That it has passed is noted on each of them; that it is out is
seen from the request, which is leased: so a crash is over when its lease is.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session

from core import runs
from core.rules.canaries import TELLING
from core.rules.states import Status
from core.tables import Attempt, Request, Run

SETTLING = timedelta(seconds=2)
"""Within it what follows from a canary is written; unless a crash came between, after which
another finds out the same."""

MODALITY: ColumnElement[str] = Run.condition["modality"].as_string()


class Group(NamedTuple):
    """Runs that wait for one canary."""

    job_id: UUID
    model_id: UUID
    modality: str

    @property
    def members(self) -> ColumnElement[bool]:
        """Return the condition that a run is one of them."""
        own = (Run.job_id == self.job_id) & (Run.model_id == self.model_id)
        return own & (self.modality == MODALITY)


def may_go(session: Session, group: Group, *, now: datetime) -> bool:
    """Tell whether a canary may go now: none has passed, none is out, none is just back.

    Held until the commit by its first run's row, so that of two workers one sends it. Who cannot
    have the row at once does not wait for it: others look again soon.
    """
    first = select(Run.id).where(group.members).order_by(Run.position).limit(1).scalar_subquery()
    held = session.execute(
        select(Run.canary_passed_at).where(Run.id == first).with_for_update(skip_locked=True)
    ).one_or_none()
    if held is None or held.canary_passed_at is not None:
        return False
    out = exists().where(
        Request.run_id == Run.id,
        group.members,
        runs.IN_HAND,
    )
    back = exists().where(
        Attempt.run_id == Run.id,
        group.members,
        Attempt.result.in_(TELLING),
        Attempt.finished_at > now - SETTLING,
    )
    return not session.scalar(select(or_(out, back)))


def passed(session: Session, run_id: UUID, *, now: datetime) -> None:
    """Let all calls go that waited with those of a run; its job is locked by the caller."""
    waiting = [run.id for run in _together(session, run_id)]
    runs.hold(session, waiting)
    session.execute(
        update(Run)
        .where(Run.id.in_(waiting), Run.canary_passed_at.is_(None))
        .values(canary_passed_at=now)
    )


def stopped_with(session: Session, run_id: UUID) -> list[UUID]:
    """Return the runs that wait for the canary of a run, and could not go on without it."""
    moving = {Status.QUEUED, Status.RUNNING}
    return [
        run.id
        for run in _together(session, run_id)
        if run.id != run_id and run.canary_passed_at is None and run.status in moving
    ]


def _together(session: Session, run_id: UUID) -> Sequence[Run]:
    """Return the runs that wait for the same canary as a run, itself included."""
    run = runs.get(session, run_id)
    if run.job_id is None or run.model_id is None or run.canary_passed_at is not None:
        return [run]
    group = Group(run.job_id, run.model_id, run.condition["modality"])
    return session.scalars(select(Run).where(group.members).order_by(Run.position)).all()
