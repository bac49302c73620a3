"""Spending: what jobs, teams and models have spent, and calls held to what they may.

Whoever changes an attempt books it here, in the same transaction, so that the sums are always
those of the rows. The sums are locked last and in one order, jobs before teams before models, so
that nobody waits in a circle.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import itemgetter
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import BigInteger, Date, TextClause, Uuid, bindparam, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from core.db import table
from core.rules.budgets import RAISE_JOB, RAISE_TEAM, Budget, Fit, Tally, month_of, why
from core.tables import Job, Run, Team

RUNS, JOBS, TEAMS = table(Run), table(Job), table(Team)
SUMS = ("spent_nano", "reserved_nano", "attempts")

PAYERS = (
    select(
        RUNS.c.id,
        RUNS.c.job_id,
        RUNS.c.model_id,
        TEAMS.c.id,
        TEAMS.c.name,
        JOBS.c.budget_nano,
        JOBS.c.budget_requests,
        TEAMS.c.monthly_budget_nano,
        TEAMS.c.monthly_budget_requests,
    )
    .join(JOBS, JOBS.c.id == RUNS.c.job_id)
    .join(TEAMS, TEAMS.c.id == JOBS.c.team_id)
    .where(RUNS.c.id.in_(bindparam("ids", expanding=True)))
)
"""Built once, as all here: they run with every group of writes."""


ADD_TO_JOB_SQL = """
INSERT INTO job_spend (job_id, spent_nano, reserved_nano, attempts)
VALUES (:job_id, :spent_nano, :reserved_nano, :attempts)
ON CONFLICT (job_id) DO UPDATE SET
    spent_nano = job_spend.spent_nano + excluded.spent_nano,
    reserved_nano = job_spend.reserved_nano + excluded.reserved_nano,
    attempts = job_spend.attempts + excluded.attempts
"""
ADD_TO_TEAM_SQL = """
INSERT INTO team_spend (team_id, month, spent_nano, reserved_nano, attempts)
VALUES (:team_id, :month, :spent_nano, :reserved_nano, :attempts)
ON CONFLICT (team_id, month) DO UPDATE SET
    spent_nano = team_spend.spent_nano + excluded.spent_nano,
    reserved_nano = team_spend.reserved_nano + excluded.reserved_nano,
    attempts = team_spend.attempts + excluded.attempts
"""
ADD_TO_MODEL_SQL = """
INSERT INTO model_spend (model_id, month, spent_nano, reserved_nano, attempts)
VALUES (:model_id, :month, :spent_nano, :reserved_nano, :attempts)
ON CONFLICT (model_id, month) DO UPDATE SET
    spent_nano = model_spend.spent_nano + excluded.spent_nano,
    reserved_nano = model_spend.reserved_nano + excluded.reserved_nano,
    attempts = model_spend.attempts + excluded.attempts
"""
"""SQLAlchemy's own insert has no ON CONFLICT, and both dialects write it the same."""
TELLING = f"RETURNING {', '.join(SUMS)}"


def _typed(sql: str, **keys: TypeEngine[Any]) -> TextClause:
    """Return a statement over sums, its parameters typed."""
    return text(sql).bindparams(
        *(bindparam(name, type_=kind) for name, kind in keys.items()),
        *(bindparam(name, type_=BigInteger()) for name in SUMS),
    )


ADD_TO_JOB = _typed(ADD_TO_JOB_SQL, job_id=Uuid())
ADD_TO_TEAM = _typed(ADD_TO_TEAM_SQL, team_id=Uuid(), month=Date())
ADD_TO_MODEL = _typed(ADD_TO_MODEL_SQL, model_id=Uuid(), month=Date())
HOLD_JOB = _typed(ADD_TO_JOB_SQL + TELLING, job_id=Uuid())
HOLD_TEAM = _typed(ADD_TO_TEAM_SQL + TELLING, team_id=Uuid(), month=Date())
"""With nothing to add these hold a row until the commit, and tell what is in it."""

REST = timedelta(seconds=1)
BATCH_REST = timedelta(minutes=10)
"""How long a run rests that waits for reservations to come back; those of batches take hours."""


class Payer(NamedTuple):
    """Who pays for the calls of a run, and what they may spend."""

    job_id: UUID
    model_id: UUID
    team_id: UUID
    team: str
    budget: Budget
    monthly: Budget


class Ask(NamedTuple):
    """A call that is about to be sent."""

    run_id: UUID
    most: int | None
    """What it costs at most, in billionths of a dollar; None: it has no price."""
    at: datetime


@dataclass(frozen=True)
class OverBudget:
    """Why a call may not be sent: no budget has room for it."""

    reason: str
    for_now: bool
    """Whether what other calls have reserved may come back and be enough."""


class Books:
    """What one transaction adds to the sums: collected, and written when the block ends.

    `with Books(session) as books:` is the last thing that a transaction does.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._payers: dict[UUID, Payer] = {}
        self._jobs: defaultdict[UUID, Tally] = defaultdict(Tally)
        self._teams: defaultdict[tuple[UUID, date], Tally] = defaultdict(Tally)
        self._models: defaultdict[tuple[UUID, date], Tally] = defaultdict(Tally)
        self._held_jobs: dict[UUID, Tally] = {}
        self._held_teams: dict[tuple[UUID, date], Tally] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write()

    def know(self, run_ids: Iterable[UUID]) -> None:
        """Look up who pays for the calls of some runs."""
        if new := set(run_ids) - self._payers.keys():
            rows = self._session.connection().execute(PAYERS, {"ids": list(new)})
            for run, job, model, team, name, *bounds in rows:
                own, monthly = Budget(*bounds[:2]), Budget(*bounds[2:])
                self._payers[run] = Payer(job, model, team, name, own, monthly)

    def add(
        self, run_id: UUID, sent_at: datetime, *, spent: int = 0, reserved: int = 0, sent: int = 0
    ) -> None:
        """Add to what the payers of a run have spent; in the month that the attempt was sent in."""
        payer, month = self._payers[run_id], month_of(sent_at)
        self._jobs[payer.job_id].add(spent, reserved, sent)
        self._teams[payer.team_id, month].add(spent, reserved, sent)
        self._models[payer.model_id, month].add(spent, reserved, sent)

    def admit(self, asks: Sequence[Ask]) -> list[OverBudget | None]:
        """Add calls that are about to be sent, one after the other, as far as they fit.

        Returns for each why it does not. Where nobody who pays has a budget nothing is looked at.
        """
        self.know(ask.run_id for ask in asks)
        payers = [self._payers[ask.run_id] for ask in asks]
        if not any(payer.budget.bounds or payer.monthly.bounds for payer in payers):
            for ask in asks:
                self.add(ask.run_id, ask.at, reserved=ask.most or 0, sent=1)
            return [None] * len(asks)
        months = [month_of(ask.at) for ask in asks]
        self._hold(
            {payer.job_id for payer in payers},
            {(payer.team_id, month) for payer, month in zip(payers, months, strict=True)},
        )
        return [self._enter(ask) for ask in asks]

    def _hold(self, jobs: set[UUID], teams: set[tuple[UUID, date]]) -> None:
        """Hold every sum that this transaction touches until its end, and learn what it is."""
        connection, nothing = self._session.connection(), dict.fromkeys(SUMS, 0)
        for job in sorted(jobs | self._jobs.keys()):
            row = connection.execute(HOLD_JOB, {"job_id": job, **nothing}).one()
            self._held_jobs[job] = Tally(*row)
        for team, month in sorted(teams | self._teams.keys()):
            key = {"team_id": team, "month": month}
            row = connection.execute(HOLD_TEAM, {**key, **nothing}).one()
            self._held_teams[team, month] = Tally(*row)

    def _enter(self, ask: Ask) -> OverBudget | None:
        """Add one call, or return why it does not fit."""
        payer, month = self._payers[ask.run_id], month_of(ask.at)
        own = self._held_jobs[payer.job_id] + self._jobs[payer.job_id]
        shared = self._held_teams[payer.team_id, month] + self._teams[payer.team_id, month]
        job, team = RAISE_JOB.format(id=payer.job_id), f"{month:%B}'s budget of team {payer.team}"
        for budget, tally, whose, how in (
            (payer.budget, own, "budget", job),
            (payer.monthly, shared, team, RAISE_TEAM),
        ):
            fit = tally.fit(budget, ask.most)
            if fit is not Fit.NOW:
                reason = why(budget, tally, ask.most, whose=whose, how=how)
                return OverBudget(reason, for_now=fit is Fit.LATER)
        self.add(ask.run_id, ask.at, reserved=ask.most or 0, sent=1)
        return None

    def _write(self) -> None:
        """Add what was collected to the rows."""
        connection = self._session.connection()
        if jobs := [
            {"job_id": job, **tally.columns}
            for job, tally in sorted(self._jobs.items(), key=itemgetter(0))
        ]:
            connection.execute(ADD_TO_JOB, jobs)
        if teams := [
            {"team_id": team, "month": month, **tally.columns}
            for (team, month), tally in sorted(self._teams.items(), key=itemgetter(0))
        ]:
            connection.execute(ADD_TO_TEAM, teams)
        if models := [
            {"model_id": model, "month": month, **tally.columns}
            for (model, month), tally in sorted(self._models.items(), key=itemgetter(0))
        ]:
            connection.execute(ADD_TO_MODEL, models)
