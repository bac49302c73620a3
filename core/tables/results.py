"""What came back: attempts, kept verbatim, predictions, and what is stored of their figures."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, BigId, words
from core.tables.inputs import Sample
from core.vocabulary import Outcome, Result


class Attempt(Base):
    """One HTTP exchange for a request. Written before it is sent; never deleted.

    Its raw reply may be dropped long after its run has ended (`core.retention`); all else stays.
    """

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"), index=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    number: Mapped[int]
    """Counts from 1 within its request."""
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batches.id"))
    """The provider's batch it was a line of; its body is that line's result then."""
    credential: Mapped[str] = mapped_column(String(255))
    """The key of the credential it was sent with; never the secret."""
    result: Mapped[Result] = mapped_column(words(Result), default=Result.SENT)
    sent_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    sent: Mapped[dict[str, Any]]
    """The body that was sent, each medium in it replaced by a reference to its bytes."""
    sent_sha256: Mapped[str] = mapped_column(String(64))
    """Of the body as it went over the wire."""
    status: Mapped[int | None]
    """The HTTP status; null when no whole reply came."""
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]
    """The reply's body, byte for byte, until it is dropped."""
    body_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of a body that was dropped, in its place."""
    dropped_at: Mapped[datetime | None]
    """When body and headers were dropped, as they had been kept long enough."""
    reason: Mapped[str | None] = mapped_column(Text)
    latency_s: Mapped[float | None] = mapped_column(Float)
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    cost_nano: Mapped[int | None] = mapped_column(BigInteger)
    """Billionths of a US dollar; null where no price or no usage is known."""
    reserved_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    """The most that it can cost: held in budgets while it is under way. It counts as spent where
    it may have been billed and nobody heard for how much; 0 where it was not."""

    __table_args__ = (
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("(result = 'sent') = (finished_at IS NULL)", name="finished_at_iff_heard"),
        CheckConstraint("dropped_at IS NULL OR body IS NULL", name="dropped_has_no_body"),
        CheckConstraint("(dropped_at IS NULL) = (body_sha256 IS NULL)", name="digest_iff_dropped"),
        Index("ix_attempts_run_id", "run_id", "id"),
        Index("ix_attempts_sent_at", "sent_at"),
        Index(
            "ix_attempts_errors",
            "run_id",
            "id",
            postgresql_where=text("reason IS NOT NULL"),
            sqlite_where=text("reason IS NOT NULL"),
        ),
        Index(
            "ix_attempts_batch",
            "batch_id",
            "id",
            postgresql_where=text("batch_id IS NOT NULL"),
            sqlite_where=text("batch_id IS NOT NULL"),
        ),
        Index(
            "ix_attempts_under_way",
            "request_id",
            postgresql_where=text("result = 'sent'"),
            sqlite_where=text("result = 'sent'"),
        ),
    )


class Prediction(Base):
    """What a run says of one sample. A sample without a row here is pending."""

    __tablename__ = "predictions"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), primary_key=True)
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    label: Mapped[str | None] = mapped_column(String(200))
    """The first of the ranked labels; null unless answered."""
    in_vocabulary: Mapped[bool | None]
    ranked: Mapped[list[Any] | None]
    """All labels, best first."""
    rank: Mapped[int | None]
    """Place of the first right one among them, from 1; null where there is none."""
    slot: Mapped[int | None]
    """Place in the request that it came from, from 0."""
    batch: Mapped[int | None]
    """Samples in that request."""
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"))
    """Null in published runs."""
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    """The attempt it was read from; null where there was no reply, and in published runs."""

    sample: Mapped[Sample] = relationship(lazy="raise")

    __table_args__ = (
        CheckConstraint("(outcome = 'answered') = (label IS NOT NULL)", name="label_iff_answered"),
        Index("ix_predictions_outcome", "run_id", "outcome"),
    )


class Score(Base):
    """One scoring of a run: version 1 when it ended, the next whenever it was scored again.

    Predictions are those of the newest version.
    """

    __tablename__ = "scores"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    scored_at: Mapped[datetime]
    parser: Mapped[int | None]
    """`core.rules.parsing.VERSION` when it was made; null in published runs, read by others."""
    changed: Mapped[int] = mapped_column(default=0)
    """Predictions that are others than in the version before."""
    note: Mapped[str | None] = mapped_column(Text)
    """Why it was made, in the words of whoever asked for it."""
    metrics: Mapped[dict[str, Any]]
    """The body of `GET /v1/runs/{id}/metrics` that depends on predictions alone."""
    sheet: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
    """All predictions as one value (`core.sheets`), for analyses. Null: read the predictions."""

    __table_args__ = (CheckConstraint("version > 0", name="version_positive"),)


class KeptAnswer(Base):
    """What an analysis answered. Nothing refers to it: any row may go, and is computed again."""

    __tablename__ = "kept_answers"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of all that the answer is made of: see `core.analyses.kept`. Never updated."""
    analysis: Mapped[str] = mapped_column(String(40))
    made_at: Mapped[datetime]
    size: Mapped[int]
    """Bytes of `body`, so that to add them up need not read them."""
    body: Mapped[bytes]
    """JSON, as it is sent."""
