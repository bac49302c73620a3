"""Looks at the database for live streams: what they find, and what of it is new."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic
from uuid import UUID

from pydantic import BaseModel

from api.feeds import Frame, event
from api.schemas.events import (
    EndEvent,
    ErrorOut,
    JobEvent,
    JobLine,
    JobsEvent,
    RunEvent,
    SpeedOut,
)
from api.schemas.work import JobState
from core import watching
from core.db import Database, utc_now
from core.progress import JobDetail, pending
from core.rules.speed import Speed, Totals, Window, together
from core.rules.states import ENDED
from core.tables import Attempt, Run

ETA = {"eta", "eta_seconds"}
PASSING = {*ETA, "speed"}
"""Fields that differ from look to look while nothing happens."""


class Speeds:
    """The speed of every run that is looked at."""

    def __init__(self) -> None:
        self._windows: dict[UUID, Window] = {}

    def after(self, runs: Iterable[Run]) -> dict[UUID, Speed | None]:
        """Return the speed of each run, now that they were seen; forget all others."""
        at, seen = monotonic(), {run.id: run for run in runs}
        self._windows = {each: self._windows.get(each, Window()) for each in seen}
        return {each: self._windows[each].after(_totals(run, at)) for each, run in seen.items()}


def _totals(run: Run, at: float) -> Totals:
    return Totals(
        at=at,
        samples=run.samples - pending(run),
        attempts=run.attempts,
        tokens=run.prompt_tokens + run.completion_tokens,
    )


class JobLook:
    """Looks at one job."""

    def __init__(self, database: Database, job_id: UUID, *, patience: timedelta) -> None:
        self._database = database
        self._job_id = job_id
        self._patience = patience
        self._speeds = Speeds()
        self._errors: list[Attempt] = []
        self._before: JobEvent | None = None

    def __call__(self) -> Frame:
        """Return the job as it is now. Raises NotFound."""
        at = utc_now()
        with self._database.read() as session:
            detail = watching.job(session, self._job_id, patience=self._patience, now=at)
            run_ids = [d.run.id for d in detail.runs]
            full = len(self._errors) == watching.LATEST
            floor = self._errors[-1].id if full else 0
            self._errors = watching.errors(session, run_ids, floor=floor)
        now, before = self._shown(detail, now=at), self._before
        self._before = now
        frame_id = _digest(now)
        end = None
        if now.status in ENDED:
            end = event("end", EndEvent(id=now.id, status=now.status), frame_id)
        change = None if before is None else _changed(before, now)
        return Frame(
            id=frame_id,
            whole=lambda: event("job", now, frame_id),
            change=None if change is None else event("job", change, frame_id),
            end=end,
        )

    def _shown(self, detail: JobDetail, *, now: datetime) -> JobEvent:
        """Return the whole of what is to be told."""
        speeds = self._speeds.after(d.run for d in detail.runs)
        return JobEvent(
            **JobState.fields_of(detail, now=now),
            whole=True,
            speed=_out(together(speeds.values())),
            runs=[
                RunEvent.of(d, detail.stalls.get(d.run.id), speed=_out(speeds[d.run.id]))
                for d in detail.runs
            ],
            errors=[ErrorOut.of(attempt) for attempt in self._errors],
        )


class JobsLook:
    """Looks at the jobs that are under way."""

    def __init__(self, database: Database, *, patience: timedelta) -> None:
        self._database = database
        self._patience = patience
        self._speeds = Speeds()
        self._before: dict[UUID, JobLine] | None = None

    def __call__(self) -> Frame:
        """Return the jobs as they are now."""
        followed, now = self._before or {}, utc_now()
        with self._database.read() as session:
            details = watching.under_way(session, followed, patience=self._patience, now=now)
        speeds = self._speeds.after(d.run for detail in details for d in detail.runs)
        lines = []
        for detail in details:
            speed = _out(together(speeds[d.run.id] for d in detail.runs))
            lines.append(JobLine(**JobState.fields_of(detail, now=now), speed=speed))
        changed = [line for line in lines if _differs(line, followed.get(line.id))]
        first, moving = self._before is None, [line for line in lines if line.status not in ENDED]
        self._before = {line.id: line for line in moving}
        frame_id = _digest(*moving)
        told = JobsEvent(whole=False, items=changed)
        return Frame(
            id=frame_id,
            whole=lambda: event("jobs", JobsEvent(whole=True, items=moving), frame_id),
            change=None if first or not changed else event("jobs", told, frame_id),
        )


def _changed(before: JobEvent, now: JobEvent) -> JobEvent | None:
    """Return what of a job is not as it was; None if nothing that anyone waits for is."""
    known = {run.id: run for run in before.runs}
    runs = [run for run in now.runs if run != known.get(run.id)]
    errors = None if now.errors == before.errors else now.errors
    if not runs and errors is None and not _differs(now, before):
        return None
    return now.model_copy(update={"whole": False, "runs": runs, "errors": errors})


def _differs(now: BaseModel, before: BaseModel | None) -> bool:
    """Tell whether more than the time to go is different."""
    if before is None:
        return True
    names = type(now).model_fields.keys() - ETA
    return any(getattr(now, name) != getattr(before, name) for name in names)


def _digest(*states: JobState) -> str:
    """Return the id of states: a digest of all in them that lasts while nothing happens."""
    passing = {*PASSING, "runs"}
    digest = sha256()
    for state in states:
        digest.update(state.model_dump_json(exclude=passing).encode())
        for run in getattr(state, "runs", ()):
            digest.update(run.model_dump_json(exclude=PASSING).encode())
    return digest.hexdigest()[:32]


def _out(speed: Speed | None) -> SpeedOut | None:
    if speed is None:
        return None
    return SpeedOut(
        samples_per_second=speed.samples_per_second,
        requests_per_minute=speed.requests_per_minute,
        tokens_per_minute=speed.tokens_per_minute,
    )
