"""Due requests of cancelled runs, which nobody sends any more: cancelled a few at a time."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from core.rules.states import UNSENT, RequestState, Status
from core.tables import Request, Run


def some_left() -> ColumnElement[bool]:
    """Return whether a cancelled run still has due requests."""
    return _leftovers().exists()


def any_left(session: Session) -> bool:
    """Tell whether a cancelled run still has due requests."""
    return bool(session.scalar(select(some_left())))


def cancel(session: Session, *, limit: int, now: datetime) -> None:
    """Cancel due requests of cancelled runs, some at a time."""
    session.execute(
        update(Request)
        .where(
            Request.id.in_(session.scalars(_leftovers().limit(limit)).all()),
            Request.state.in_(UNSENT),
        )
        .values(state=RequestState.CANCELLED, finished_at=now)
    )


def _leftovers() -> Select[int]:
    """Return the query for due requests of cancelled runs."""
    return (
        select(Request.id)
        .join(Run, Run.id == Request.run_id)
        .where(Run.status == Status.CANCELLED, Request.state.in_(UNSENT))
    )
