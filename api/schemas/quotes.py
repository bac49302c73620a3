"""A job's quote beside what really happened."""

from collections.abc import Sequence

from core.bodies.work import AgainstQuote, Compared
from core.progress import RunDetail, total
from core.rules.money import dollars
from core.rules.quotes import Quote
from core.tables import Job


def against_quote_of(job: Job, quote: Quote, runs: Sequence[RunDetail]) -> AgainstQuote:
    """Return the comparison for a job with these runs."""
    priced = all(detail.priced for detail in runs)
    used = total(runs, "prompt_tokens") + total(runs, "completion_tokens")
    took = None
    if job.finished_at is not None:
        took = (job.finished_at - job.created_at).total_seconds()
    expected = quote.total
    return AgainstQuote(
        requests=Compared.of(expected.requests, total(runs, "attempts")),
        tokens=Compared.of(expected.tokens, used),
        usd=Compared.of(expected.usd, dollars(total(runs, "cost_nano")) if priced else None),
        seconds=Compared.of(quote.seconds, took),
    )
