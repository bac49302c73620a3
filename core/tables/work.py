"""What is asked for and how far it has got: jobs, runs, and requests, which are the queue."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId, utc_now, words
from core.rules.states import ENDED, OPEN_REQUEST, RequestState, Status
from core.tables.teams import OfTeam, OfTeamOrAll
from core.vocabulary import Cause, Dispatch, Origin


def sql_list(members: frozenset[Any]) -> str:
    """Return members of a closed set as a CHECK lists them."""
    return ", ".join(f"'{member.value}'" for member in sorted(members))


IN_QUEUE = " OR ".join(f"state = '{state.value}'" for state in sorted(OPEN_REQUEST))
"""Which requests are open, for an index of these alone. Not as IN: SQLite would not see that
`state = 'due'` says less, and would read every request of a run to find the next."""


class Job(OfTeam, Base):
    """One submission; expands into runs. Its status is that of its runs, combined."""

    __tablename__ = "jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    """Who pays for it."""
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    submission: Mapped[dict[str, Any]]
    """The body of the request that made it."""
    quote: Mapped[dict[str, Any]]
    """The `Quote` it was submitted with, as JSON."""
    status: Mapped[Status] = mapped_column(words(Status), default=Status.QUEUED)
    priority: Mapped[int] = mapped_column(default=0)
    """Higher goes first."""
    budget_nano: Mapped[int | None] = mapped_column(BigInteger)
    """Billionths of a US dollar that it may spend; null: no bound."""
    budget_requests: Mapped[int | None] = mapped_column(BigInteger)
    """Attempts that it may make; null: no bound."""
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    traceparent: Mapped[str | None] = mapped_column(String(55))
    """The trace that its submission is part of, as W3C writes it; null: it was not traced."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            f"(status IN ({sql_list(ENDED)})) = (finished_at IS NOT NULL)",
            name="finished_at_iff_ended",
        ),
        CheckConstraint("budget_nano >= 0", name="budget_not_negative"),
        CheckConstraint("budget_requests >= 0", name="budget_requests_not_negative"),
        UniqueConstraint("team_id", "idempotency_key"),
        Index(
            "ix_jobs_open",
            "created_at",
            "id",
            postgresql_where=text("finished_at IS NULL"),
            sqlite_where=text("finished_at IS NULL"),
        ),
    )


class Run(OfTeamOrAll, Base):
    """One pass of one model under one condition over the samples; with its running totals.

    The totals change in the transaction that changes the rows they count, so they agree.
    Everyone's are published runs that an operator imported.
    """

    __tablename__ = "runs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    origin: Mapped[Origin] = mapped_column(words(Origin), default=Origin.SERVICE)
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    model_id: Mapped[UUID | None] = mapped_column(ForeignKey("models.id"))
    template_id: Mapped[UUID | None] = mapped_column(ForeignKey("templates.id"))
    system: Mapped[str | None] = mapped_column(String(64))
    """What made a published run's predictions; shown as its model."""
    condition: Mapped[dict[str, Any]]
    """The `Condition`, as JSON."""
    repeat: Mapped[int]
    """Counts from 1."""
    position: Mapped[int]
    """Place in its job, from 0."""
    seed: Mapped[int] = mapped_column(BigInteger)
    """Of the order of the samples; a run over fewer than all takes the first of that order."""
    samples_of: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    """The run among whose samples it takes its own; null: all of the dataset."""
    batch_size: Mapped[int]
    batch_asked: Mapped[int | None]
    """As the job asked, before the model's capabilities bounded it; null: by modality."""
    dispatch: Mapped[Dispatch] = mapped_column(words(Dispatch), default=Dispatch.ONLINE)
    status: Mapped[Status] = mapped_column(words(Status), default=Status.QUEUED)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it is paused or failed, in words for a person."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expected_prompt_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    """Those that its quote says it uses if nothing is refused; 0 in published runs."""
    expected_completion_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    planned: Mapped[int] = mapped_column(default=0)
    """Samples whose requests are in the queue; planning goes on from here after a crash."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    canary_passed_at: Mapped[datetime | None]
    """When a call of its job to its model first got through; until then one at a time goes out."""
    rests_until: Mapped[datetime | None]
    """Nothing of it is leased before: it waits for what is reserved of its budget to come back."""
    moved_at: Mapped[datetime | None]
    """When it last moved on: was planned or set going, or its model spoke."""
    faulty_since: Mapped[datetime | None]
    """The first fault of the provider since its model last spoke."""
    rejections: Mapped[int] = mapped_column(default=0)
    """Requests rejected in a row; the breaker's count."""

    samples: Mapped[int]
    answered: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    unparsed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    requests: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    unknown_attempts: Mapped[int] = mapped_column(default=0)
    """Attempts whose end nobody heard: possibly billed."""
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    completion_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    """Billionths of a US dollar: whole numbers, so that sums are exact."""
    lost_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    """That part of the cost which bought no prediction: refusals, retries, cut answers."""
    raw_dropped: Mapped[int] = mapped_column(default=0)
    """Attempts whose raw answers were dropped, long after it had ended."""
    raw_dropped_through: Mapped[int] = mapped_column(BigInteger, default=0)
    """The last attempt that was looked at for that."""

    __table_args__ = (
        CheckConstraint(
            f"(status IN ({sql_list(ENDED)})) = (finished_at IS NOT NULL)",
            name="finished_at_iff_ended",
        ),
        CheckConstraint(
            "answered + refused + unparsed + failed <= samples", name="outcomes_within_samples"
        ),
        CheckConstraint("team_id IS NOT NULL OR origin = 'published'", name="ours_is_a_teams"),
        CheckConstraint("(origin = 'published') = (job_id IS NULL)", name="job_iff_ours"),
        CheckConstraint("(origin = 'published') = (model_id IS NULL)", name="model_iff_ours"),
        CheckConstraint("(origin = 'published') = (template_id IS NULL)", name="template_iff_ours"),
        CheckConstraint(
            "(origin = 'published') = (system IS NOT NULL)", name="system_iff_published"
        ),
        CheckConstraint("planned <= samples", name="planned_within_samples"),
        CheckConstraint("batch_size > 0", name="batch_size_positive"),
        CheckConstraint("batch_asked >= batch_size", name="batch_size_within_asked"),
        CheckConstraint("samples > 0", name="not_empty"),
        Index(
            "ix_runs_moving",
            "status",
            "model_id",
            postgresql_where=text("status IN ('queued', 'running')"),
            sqlite_where=text("status IN ('queued', 'running')"),
        ),
    )


class Request(Base):
    """The unit of dispatch: samples asked about in one call. This table is the queue of record."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"))
    cause: Mapped[Cause] = mapped_column(words(Cause), default=Cause.PLANNED)
    sample_ids: Mapped[list[Any]]
    """In the order of the slots."""
    state: Mapped[RequestState] = mapped_column(words(RequestState), default=RequestState.DUE)
    not_before: Mapped[datetime]
    """While due: the earliest moment to send it. All waiting is here."""
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """Attempts begun; 0 until the first is written."""
    failures: Mapped[int] = mapped_column(default=0)
    """Attempts that ended in a fault worth another try; bounded."""
    throttles: Mapped[int] = mapped_column(default=0)
    """Attempts turned away by a limit; bounded far above `failures`."""
    refusals: Mapped[int] = mapped_column(default=0)
    """Attempts that the provider refused; bounded once a single sample is left."""
    reason: Mapped[str | None] = mapped_column(Text)
    """What the last attempt that was no answer said."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            f"(state IN ({sql_list(OPEN_REQUEST)})) = (finished_at IS NULL)",
            name="finished_at_iff_closed",
        ),
        CheckConstraint(
            "(state = 'leased') = (lease_owner IS NOT NULL)"
            " AND (state = 'leased') = (lease_expires_at IS NOT NULL)",
            name="leased_iff_owned",
        ),
        Index(
            "ix_requests_queue",
            "run_id",
            "state",
            "not_before",
            "id",
            postgresql_where=text(IN_QUEUE),
            sqlite_where=text(IN_QUEUE),
        ),
        Index(
            "ix_requests_leases",
            "lease_expires_at",
            postgresql_where=text("state = 'leased'"),
            sqlite_where=text("state = 'leased'"),
        ),
        Index("ix_requests_run_id", "run_id", "id"),
    )
