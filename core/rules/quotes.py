"""A quote: what a job will need, before it is sent, and later beside what it took."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from core.rules.money import cost_nano, dollars, nano
from core.rules.pacing import Bound, Load, Pacing, Waiting, ahead_of, time_for
from core.rules.readings import Usage
from core.rules.work import Asking, Past, Scope, Work

COUNTS = ("requests", "prompt_tokens", "completion_tokens", "most_completion_tokens", "samples")
MONEY = ("usd", "most_usd")
FARTHEST_S = 100 * 365 * 86_400.0
"""No end is named that lies farther ahead."""


class Figures(BaseModel):
    """What requests use if nothing is refused or sent again."""

    requests: int
    prompt_tokens: int
    completion_tokens: int = Field(
        description="As past answers of the model took, else as the answer is asked for"
    )
    most_completion_tokens: int = Field(description="If every answer is cut at `max_tokens`")
    usd: float | None = Field(description="null: a model has no prices")
    most_usd: float | None = Field(description="With `most_completion_tokens`")


class Overhead(BaseModel):
    """What refusals and splits add, going by runs of the past."""

    refused_share: float = Field(description="Of the samples, in [0, 1]")
    requests: int = Field(description="Beyond those planned")
    tokens: int = Field(description="Of prompts, beyond those planned")
    usd: float | None = Field(description="What these tokens cost; null: a model has no prices")


class RunOverhead(Overhead):
    """What refusals and splits add to a run, and which past runs say so."""

    of: Scope = Field(
        description="Whether the past runs are over the same dataset, or only of the same task"
    )
    past_runs: int


class RunQuote(Figures):
    """Runs that differ in their repeat alone; the figures are those of one."""

    model: str
    condition: dict[str, Any]
    batch_size: int
    repeats: int = Field(description="How many such runs there are")
    samples: int
    overhead: RunOverhead | None = Field(description="null: the model has no completed run")


class ModelQuote(BaseModel):
    """When a model will be through with a job."""

    model: str
    requests: int = Field(description="Of this job, overhead included")
    tokens: int = Field(description="Of these requests, overhead included")
    ahead: int = Field(description="Requests of other jobs that are sent before this one is done")
    latency_s: float | None = Field(description="Of the model's last answers; null: none so far")
    seconds: float | None = Field(description="null: no limit and no latency is known")
    bound_by: Bound
    finish_at: datetime | None


class Quote(Figures):
    """What a job will need; nothing is stored or sent to find out."""

    quoted_at: datetime
    dataset: str = Field(description="name@version")
    samples: int = Field(description="Of all runs together")
    overhead: Overhead | None = Field(description="null: some model has no completed run")
    seconds: float | None = Field(description="null: that of some model is not known")
    bound_by: Bound = Field(description="What the slowest model waits for")
    finish_at: datetime | None
    models: list[ModelQuote]
    runs: list[RunQuote]

    @property
    def total(self) -> "Total":
        """Return what is expected in all, overhead included."""
        tokens, extra = self.prompt_tokens + self.completion_tokens, self.overhead
        if extra is None:
            return Total(self.requests, tokens, self.usd)
        usd = _total_usd([(self.usd, 1), (extra.usd or 0.0, 1)])
        return Total(self.requests + extra.requests, tokens + extra.tokens, usd)


class Total(NamedTuple):
    """What a job is expected to take."""

    requests: int
    tokens: int
    usd: float | None


def of_run(asking: Asking, work: Work, past: Past | None, *, repeats: int) -> RunQuote:
    """Return the quote of one run, of which there are as many as repeats."""
    prices = asking.model.prices
    return RunQuote(
        **_figures(work, cost_nano(prices, work.expected), cost_nano(prices, work.most)),
        model=asking.model.name,
        condition=asking.condition.model_dump(mode="json"),
        batch_size=asking.batch_size,
        repeats=repeats,
        samples=asking.samples,
        overhead=None if past is None else _overhead(past, asking, work),
    )


def _figures(work: Work, cost: int | None, most: int | None) -> dict[str, Any]:
    return {
        "requests": work.requests,
        "prompt_tokens": work.expected.prompt_tokens,
        "completion_tokens": work.expected.completion_tokens,
        "most_completion_tokens": work.most.completion_tokens,
        "usd": None if cost is None else dollars(cost),
        "most_usd": None if most is None else dollars(most),
    }


def _overhead(past: Past, asking: Asking, work: Work) -> RunOverhead:
    tokens = round(past.extra_share * work.expected.prompt_tokens)
    cost = cost_nano(asking.model.prices, Usage(tokens, 0))
    return RunOverhead(
        refused_share=past.refused_share,
        requests=round(past.extra_each * asking.samples),
        tokens=tokens,
        usd=None if cost is None else dollars(cost),
        of=past.of,
        past_runs=past.runs,
    )


def of_model(
    name: str,
    runs: Iterable[RunQuote],
    pacing: Pacing,
    waiting: Iterable[Waiting],
    *,
    priority: int,
    now: datetime,
) -> ModelQuote:
    """Return when a model will be through with the runs that it makes of a job."""
    own = Load(0, 0)
    for run in runs:
        requests, tokens = run.requests, run.prompt_tokens + run.completion_tokens
        if run.overhead is not None:
            requests, tokens = requests + run.overhead.requests, tokens + run.overhead.tokens
        own = own.plus(Load(requests * run.repeats, tokens * run.repeats))
    ahead = ahead_of(own, priority, waiting)
    seconds, bound_by = time_for(own.plus(ahead), pacing)
    return ModelQuote(
        model=name,
        requests=own.requests,
        tokens=own.tokens,
        ahead=ahead.requests,
        latency_s=pacing.latency_s,
        seconds=seconds,
        bound_by=bound_by,
        finish_at=_after(now, seconds),
    )


def of_job(
    dataset: str, runs: Sequence[RunQuote], models: Sequence[ModelQuote], *, now: datetime
) -> Quote:
    """Return the quote of a whole job."""
    slowest = max(models, key=lambda model: math.inf if model.seconds is None else model.seconds)
    return Quote(
        **{name: _total(runs, name) for name in COUNTS},
        **{name: _total_usd((getattr(run, name), run.repeats) for run in runs) for name in MONEY},
        quoted_at=now,
        dataset=dataset,
        overhead=_overheads(runs),
        seconds=slowest.seconds,
        bound_by=slowest.bound_by,
        finish_at=slowest.finish_at,
        models=list(models),
        runs=list(runs),
    )


def _total(runs: Iterable[RunQuote], name: str) -> int:
    """Return a count of all runs together."""
    return sum(getattr(run, name) * run.repeats for run in runs)


def _total_usd(amounts: Iterable[tuple[float | None, int]]) -> float | None:
    """Return the sum of amounts, each so many times; None if one of them is not known."""
    total = 0
    for usd, times in amounts:
        if usd is None:
            return None
        total += nano(usd) * times
    return dollars(total)


def _overheads(runs: Sequence[RunQuote]) -> Overhead | None:
    """Return what is added to all runs together; None if it is not known of one."""
    known = [(run.overhead, run.samples, run.repeats) for run in runs if run.overhead]
    if len(known) < len(runs):
        return None
    refused = sum(each.refused_share * samples * times for each, samples, times in known)
    return Overhead(
        refused_share=refused / _total(runs, "samples"),
        requests=sum(each.requests * times for each, _, times in known),
        tokens=sum(each.tokens * times for each, _, times in known),
        usd=_total_usd((each.usd, times) for each, _, times in known),
    )


def _after(now: datetime, seconds: float | None) -> datetime | None:
    """Return the moment so much later; None where no calendar has it."""
    if seconds is None or seconds > FARTHEST_S:
        return None
    return now + timedelta(seconds=seconds)
