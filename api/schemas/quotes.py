"""A job's quote beside what really happened."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from core.progress import RunDetail, total
from core.rules.money import dollars
from core.rules.quotes import Quote
from core.tables import Job


class Compared(BaseModel):
    """One figure of a quote, and what became of it so far."""

    quoted: float | None = Field(description="With the expected overhead; null: it was not known")
    actual: float | None
    ratio: float | None = Field(description="actual / quoted")

    @classmethod
    def of(cls, quoted: float | None, actual: float | None) -> Self:
        """Return two figures and their ratio, where there is one."""
        ratio = None if actual is None or not quoted else actual / quoted
        return cls(quoted=quoted, actual=actual, ratio=ratio)


class AgainstQuote(BaseModel):
    """What was quoted when a job was submitted, and what it took so far."""

    requests: Compared = Field(description="Actual: the calls that were made, failed ones too")
    tokens: Compared
    usd: Compared
    seconds: Compared = Field(description="From submission to the end; null until it has ended")

    @classmethod
    def of(cls, job: Job, quote: Quote, runs: Sequence[RunDetail]) -> Self:
        """Return the comparison for a job with these runs."""
        priced = all(detail.priced for detail in runs)
        used = total(runs, "prompt_tokens") + total(runs, "completion_tokens")
        took = None
        if job.finished_at is not None:
            took = (job.finished_at - job.created_at).total_seconds()
        expected = quote.total
        return cls(
            requests=Compared.of(expected.requests, total(runs, "attempts")),
            tokens=Compared.of(expected.tokens, used),
            usd=Compared.of(expected.usd, dollars(total(runs, "cost_nano")) if priced else None),
            seconds=Compared.of(quote.seconds, took),
        )
