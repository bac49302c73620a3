"""Bodies of POST /v1/runs/{id}/rescore and GET /v1/runs/{id}/scores."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.schemas.base import Body
from core.rereading import Revision
from core.rescoring import Rescore
from core.rules.differences import Difference
from core.rules.scoring import Metrics
from core.tables import Score
from core.vocabulary import Outcome

MAX_SHOWN = 10_000


class RescoreBody(Body):
    """How a run is scored again."""

    apply: bool = Field(default=False, description="false: only tell what would change")
    note: str | None = Field(None, max_length=2000, description="Why; kept with the new version")
    limit: int = Field(100, ge=0, le=MAX_SHOWN, description="Most samples told one by one")


class Reading(BaseModel):
    """What a run says of a sample, as it is read."""

    outcome: Outcome
    label: str | None
    ranked: list[str] | None = Field(description="Labels, best first")
    attempt_id: int | None = Field(description="The attempt it is read from")

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Self:
        """Return a reading as it is shown."""
        return cls(**{name: columns[name] for name in cls.model_fields})


class SampleChange(BaseModel):
    """A sample whose answer is read in another way."""

    id: int
    name: str
    before: Reading
    after: Reading

    @classmethod
    def of(cls, revision: Revision) -> Self:
        """Return a revision as it is shown."""
        return cls(
            id=revision.sample_id,
            name=revision.name,
            before=Reading.of(revision.before),
            after=Reading.of(revision.after),
        )


class OutcomeChange(BaseModel):
    """How many samples went from one outcome to another; equal ones: another label or order."""

    before: Outcome
    after: Outcome
    samples: int


class MetricChange(BaseModel):
    """A figure of the run's metrics that is another now."""

    metric: str = Field(description="Its place, such as `accuracy.value`")
    before: float | None
    after: float | None
    delta: float | None = Field(description="null: nothing to subtract")

    @classmethod
    def of(cls, difference: Difference) -> Self:
        """Return a difference as it is shown."""
        return cls(
            metric=difference.figure,
            before=difference.before,
            after=difference.after,
            delta=difference.delta,
        )


class RescoreOut(BaseModel):
    """What scoring a run again changes, or has changed."""

    run_id: UUID
    applied: bool = Field(description="Whether a new version was written")
    version: int = Field(description="Of the figures that `after` is from")
    parser_before: int = Field(description="Version of the parser that read the answers last")
    parser: int = Field(description="Version of the parser that read them now")
    replies_read: int
    samples_changed: int
    outcomes_changed: list[OutcomeChange]
    samples: list[SampleChange] = Field(description="The first `limit` that changed")
    metrics: list[MetricChange]

    @classmethod
    def of(cls, made: Rescore, *, applied: bool) -> Self:
        """Return what was found as it is shown."""
        moves = sorted(made.moves.items())
        return cls(
            run_id=made.run_id,
            applied=applied,
            version=made.version,
            parser_before=made.parsers[0],
            parser=made.parsers[1],
            replies_read=made.replies,
            samples_changed=made.changed,
            outcomes_changed=[
                OutcomeChange(before=before, after=after, samples=count)
                for (before, after), count in moves
            ],
            samples=[SampleChange.of(revision) for revision in made.revisions],
            metrics=[MetricChange.of(figure) for figure in made.figures],
        )


class ScoreOut(BaseModel):
    """One scoring of a run."""

    version: int = Field(description="1: when the run ended")
    scored_at: datetime
    parser: int = Field(description="Version of the parser")
    samples_changed: int = Field(description="Since the version before")
    note: str | None
    metrics: Metrics

    @classmethod
    def of(cls, score: Score) -> Self:
        """Return a scoring as it is shown."""
        return cls(
            version=score.version,
            scored_at=score.scored_at,
            parser=score.parser,
            samples_changed=score.changed,
            note=score.note,
            metrics=Metrics.model_validate(score.metrics),
        )
