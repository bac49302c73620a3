"""What holds for every job, whatever happened to it: checked against the endpoint's own log."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db import Database
from core.media.refs import from_json
from core.rules.states import ENDED, Status
from core.tables import Attempt, Prediction, Request, Run, Sample
from core.vocabulary import Outcome, Result
from gerbench.client import Client, Json
from gerbench.endpoint.log import Entry
from tests.e2e import jobs

SILENT = frozenset({Result.UNKNOWN, Result.TIMEOUT, Result.RESET})
"""Results of attempts of which no whole reply came: the endpoint may have sent one."""


@dataclass(frozen=True)
class Facts:
    """A job's rows."""

    runs: Sequence[Run]
    requests: Mapping[int, Request]
    attempts: Sequence[Attempt]
    predictions: Sequence[Prediction]
    images: Mapping[int, str]
    """The digest of the image of each sample that has one."""

    def asked(self, attempt: Attempt) -> list[str]:
        """Return the images that an attempt asked about."""
        samples = self.requests[attempt.request_id].sample_ids
        return [self.images[sample] for sample in samples]


def check(
    client: Client, job: Json, database: Database, log: Iterable[Entry], *, in_flight: int = 0
) -> Json:
    """Compare all that is known of a job that has ended; return the job as the API tells it.

    `in_flight` bounds the calls that were cut off: those whose end nobody heard.
    """
    told = jobs.now(client, job)
    check_all([told], database, log, in_flight=in_flight)
    return told


def check_all(
    told: Sequence[Json], database: Database, log: Iterable[Entry], *, in_flight: int = 0
) -> None:
    """Compare all that is known of jobs that have ended with what the API tells of them.

    No others may have sent the same bodies to the same endpoint.
    """
    with database.read() as session:
        facts = facts_of(session, *(UUID(job["id"]) for job in told))
    entries = [entry for entry in log if entry.body]
    for run in facts.runs:
        every_sample_has_one_outcome(facts, run)
        totals_agree(facts, run)
        _nothing_leaves_after_a_cancel(facts, run)
    nothing_is_left_open(facts)
    _the_log_is_in_the_database(facts, entries)
    _little_is_paid_twice(facts, entries, in_flight)
    for job in told:
        _the_api_tells_the_same(facts, job)


def facts_of(session: Session, *job_ids: UUID) -> Facts:
    """Return all rows of some jobs."""
    runs = session.scalars(select(Run).where(Run.job_id.in_(job_ids))).all()
    ids = [run.id for run in runs]
    datasets = {run.dataset_id for run in runs}
    return Facts(
        runs,
        {r.id: r for r in session.scalars(select(Request).where(Request.run_id.in_(ids)))},
        session.scalars(select(Attempt).where(Attempt.run_id.in_(ids))).all(),
        session.scalars(select(Prediction).where(Prediction.run_id.in_(ids))).all(),
        {
            sample.id: from_json(sample.media)[0].digest
            for sample in session.scalars(select(Sample).where(Sample.dataset_id.in_(datasets)))
            if sample.media
        },
    )


def every_sample_has_one_outcome(facts: Facts, run: Run) -> None:
    """None is missing, and the counts agree; the primary key forbids a second one."""
    predictions = [p for p in facts.predictions if p.run_id == run.id]
    counted = Counter(p.outcome for p in predictions)
    assert run.status in ENDED, (run.status, run.reason)
    assert counted == {o: n for o in Outcome if (n := getattr(run, o.value))}
    if run.status is not Status.CANCELLED:
        assert len(predictions) == run.samples


def totals_agree(facts: Facts, run: Run) -> None:
    """Each total of a run is what its rows come to."""
    attempts = [a for a in facts.attempts if a.run_id == run.id]
    requests = [r for r in facts.requests.values() if r.run_id == run.id]
    bought = {p.attempt_id for p in facts.predictions if p.outcome is Outcome.ANSWERED}
    made = Counter(a.request_id for a in attempts)
    assert run.requests == len(requests)
    assert {r.id: r.attempts for r in requests if r.attempts} == made
    assert run.attempts == len(attempts)
    assert run.unknown_attempts == sum(a.result is Result.UNKNOWN for a in attempts)
    assert run.prompt_tokens == sum(a.prompt_tokens or 0 for a in attempts)
    assert run.completion_tokens == sum(a.completion_tokens or 0 for a in attempts)
    assert run.cost_nano == sum(a.cost_nano or 0 for a in attempts)
    assert run.lost_nano == sum(a.cost_nano or 0 for a in attempts if a.id not in bought)


def _nothing_leaves_after_a_cancel(facts: Facts, run: Run) -> None:
    if run.status is Status.CANCELLED:
        assert run.finished_at is not None
        assert all(a.sent_at <= run.finished_at for a in facts.attempts if a.run_id == run.id)


def nothing_is_left_open(facts: Facts) -> None:
    assert not [a.id for a in facts.attempts if a.result is Result.SENT]
    assert not {r.state for r in facts.requests.values()} & {"due", "leased"}


def _the_log_is_in_the_database(facts: Facts, entries: Sequence[Entry]) -> None:
    """Each call that the endpoint saw is an attempt; each reply is kept, or its attempt silent."""
    ours = {a.sent_sha256 for a in facts.attempts}
    seen = Counter(entry.body for entry in entries if entry.body in ours)
    replies = Counter(e.body for e in entries if e.status is not None and e.body in ours)
    kept = Counter(a.sent_sha256 for a in facts.attempts if a.result not in SILENT)
    silent = Counter(a.sent_sha256 for a in facts.attempts if a.result in SILENT)
    assert seen <= kept + silent
    assert replies <= kept + silent
    assert kept <= replies


def _little_is_paid_twice(facts: Facts, entries: Sequence[Entry], in_flight: int) -> None:
    """What was paid for again was in flight at a kill, or had come to nothing as was recorded."""
    ours = {a.sent_sha256 for a in facts.attempts}
    paid = jobs.paid(entry for entry in entries if entry.body in ours)
    unknown = [a for a in facts.attempts if a.result is Result.UNKNOWN]
    assert len(unknown) <= in_flight
    excused = Counter(facts.images[p.sample_id] for p in facts.predictions)
    for attempt in facts.attempts:
        if attempt.result is not Result.ANSWERED:
            excused.update(facts.asked(attempt))
    assert paid <= excused, paid - excused


def _the_api_tells_the_same(facts: Facts, told: Json) -> None:
    runs = [run for run in facts.runs if str(run.job_id) == told["id"]]
    progress, cost = told["progress"], told["cost"]
    for name in ("samples", "answered", "failed", "requests", "attempts", "unknown_attempts"):
        assert progress[name] == sum(getattr(run, name) for run in runs), name
    ended = sum(progress[outcome.value] for outcome in Outcome)
    assert progress["pending"] == progress["samples"] - ended
    assert cost["usd"] is None or round(cost["usd"] * 1e9) == sum(r.cost_nano for r in runs)
    assert cost["lost_usd"] is None or (
        round(cost["lost_usd"] * 1e9) == sum(r.lost_nano for r in runs)
    )
