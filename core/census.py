"""The service in figures, counted in the database: the same whoever of many processes is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core import readiness, stalls, workers
from core.queries import exactly
from core.rules.budgets import month_of
from core.rules.stalls import StallCode
from core.rules.standings import ModelStanding
from core.rules.states import OPEN_REQUEST, RequestState, Status
from core.rules.webhooks import DeliveryState
from core.tables import (
    Attempt,
    Delivery,
    Model,
    Request,
    Run,
    Standing,
    Team,
    TeamSpend,
    Worker,
)
from core.vocabulary import Result

RECENT = timedelta(minutes=1)
"""Attempts are counted by their result this far back: each is one row to be read."""
LATELY = timedelta(days=1)
"""Deliveries that are over are counted this far back."""

TOTALS = (
    *("samples", "answered", "refused", "unparsed", "failed", "attempts", "unknown_attempts"),
    *("prompt_tokens", "completion_tokens", "cost_nano", "lost_nano", "raw_dropped"),
)
"""The running totals of runs that are summed up for each model."""

OPEN_REQUESTS = or_(*(exactly(Request.state, state) for state in sorted(OPEN_REQUEST)))
"""Whether a request is open; an index has these and no others."""
OPEN_DELIVERY = Delivery.finished_at.is_(None)

K = TypeVar("K")

ModelKey = tuple[str, str]
"""A model's team and its name: two teams may have models of one name."""


@dataclass(frozen=True)
class Census:
    """What there is at a moment."""

    runs: Mapping[Status, int]
    requests: Mapping[RequestState, int]
    """Those that are open."""
    oldest_due_seconds: float
    """How late the queue is; 0 when it is not."""
    expired_leases: int
    """Requests of workers that died, which nobody has taken back yet."""
    totals: Mapping[ModelKey, Mapping[str, int]]
    """By model and the names in TOTALS."""
    recent: Mapping[tuple[ModelKey, Result], int]
    """Attempts that were sent lately, by model and result."""
    standings: Mapping[ModelKey, tuple[datetime, ModelStanding]]
    """By model; when a worker looked."""
    spent: Mapping[str, int]
    """By team, in the month of the moment; what is reserved for calls under way too."""
    budgets: Mapping[str, int]
    """Of a month, by team, of those that have one in dollars."""
    workers: Sequence[Worker]
    """All that lived within a day."""
    alive: int
    stalled: Mapping[StallCode, int]
    """Jobs that do not move, by why."""
    deliveries: Mapping[DeliveryState, int]
    """Messages to webhooks that are not over."""
    late_delivery_seconds: float
    """How late the one is that is due longest; 0 when none is."""
    told: Mapping[DeliveryState, int]
    """Messages that were over lately, by how."""


def take(session: Session, *, patience: timedelta, now: datetime) -> Census:
    """Count what there is."""
    known = workers.known(session)
    oldest = readiness.oldest_due(session)
    stalled = stalls.of_all(session, patience=patience, now=now)
    first = session.scalar(select(func.min(Delivery.not_before)).where(OPEN_DELIVERY))
    return Census(
        runs=_counted(session, Run.status, Run.job_id.is_not(None)),
        requests=_counted(session, Request.state, OPEN_REQUESTS),
        oldest_due_seconds=_since(oldest, now),
        expired_leases=_expired(session, now=now),
        totals=_totals(session),
        recent=_recent(session, since=now - RECENT),
        standings=_standings(session),
        spent=_spent(session, now=now),
        budgets=_budgets(session),
        workers=known,
        alive=sum(workers.lives(worker, now=now) for worker in known),
        stalled=stalls.counted(stalled.values()),
        deliveries=_counted(session, Delivery.state, OPEN_DELIVERY),
        late_delivery_seconds=_since(first, now),
        told=_counted(session, Delivery.state, Delivery.finished_at > now - LATELY),
    )


def _since(then: datetime | None, now: datetime) -> float:
    """Return the seconds since a moment; 0 if it is still to come, or there is none."""
    return 0.0 if then is None else max(0.0, (now - then).total_seconds())


def _counted(
    session: Session, by: InstrumentedAttribute[K], which: ColumnElement[bool]
) -> dict[K, int]:
    """Count some rows by a column; `which` is answered by an index."""
    rows = session.execute(select(by, func.count()).where(which).group_by(by))
    return {value: count for value, count in rows}  # noqa: C416 - a Row is not a pair to dict()


def _expired(session: Session, *, now: datetime) -> int:
    """Count the leases that have expired."""
    count = session.scalar(
        select(func.count()).where(
            exactly(Request.state, RequestState.LEASED), Request.lease_expires_at < now
        )
    )
    return count or 0


def _totals(session: Session) -> dict[ModelKey, dict[str, int]]:
    """Add up the totals of runs for each model."""
    sums = (func.sum(getattr(Run, name)) for name in TOTALS)
    rows = session.execute(
        select(Team.name, Model.name, *sums)
        .join(Model, Model.team_id == Team.id)
        .join(Run, Run.model_id == Model.id)
        .group_by(Team.name, Model.name)
    )
    return {
        (team, model): {name: int(value) for name, value in zip(TOTALS, values, strict=True)}
        for team, model, *values in rows
    }


def _recent(session: Session, *, since: datetime) -> dict[tuple[ModelKey, Result], int]:
    """Count the attempts sent since a moment, by model and result."""
    rows = session.execute(
        select(Team.name, Model.name, Attempt.result, func.count())
        .join(Run, Run.id == Attempt.run_id)
        .join(Model, Model.id == Run.model_id)
        .join(Team, Team.id == Model.team_id)
        .where(Attempt.sent_at > since)
        .group_by(Team.name, Model.name, Attempt.result)
    )
    return {((team, model), result): count for team, model, result, count in rows}


def _standings(session: Session) -> dict[ModelKey, tuple[datetime, ModelStanding]]:
    """Return how the limits of the models in use stood when a worker last looked."""
    rows = session.execute(
        select(Team.name, Model.name, Standing.at, Standing.body)
        .join(Model, Model.team_id == Team.id)
        .join(Standing, Standing.model_id == Model.id)
        .where(Model.deleted_at.is_(None))
    )
    return {
        (team, model): (at, ModelStanding.model_validate(body)) for team, model, at, body in rows
    }


def _spent(session: Session, *, now: datetime) -> dict[str, int]:
    """Return what each team has spent in this month, and has reserved."""
    rows = session.execute(
        select(Team.name, TeamSpend.spent_nano + TeamSpend.reserved_nano)
        .join(TeamSpend, TeamSpend.team_id == Team.id)
        .where(TeamSpend.month == month_of(now))
    )
    return {team: nano for team, nano in rows}  # noqa: C416 - a Row is not a pair to dict()


def _budgets(session: Session) -> dict[str, int]:
    """Return the monthly budgets in dollars."""
    rows = session.execute(
        select(Team.name, Team.monthly_budget_nano).where(Team.monthly_budget_nano.is_not(None))
    )
    return {team: nano for team, nano in rows if nano is not None}
