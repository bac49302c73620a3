"""Quotes: the sums of a job, and what is not known of them."""

from typing import Any

from core.rules.pacing import Bound, Load, Pacing, Waiting
from core.rules.quotes import ModelQuote, RunQuote, of_job, of_model, of_run
from core.rules.readings import Usage
from core.rules.specs import Condition, Limits, ModelSpec
from core.rules.work import Asking, Past, Work
from core.vocabulary import Modality
from tests.rows import NOW

PRICES = {"input_per_mtok": 1, "output_per_mtok": 10}
WORK = Work(10, Usage(50_000, 4_000), Usage(50_000, 10_000))
PAST = Past("task", 3, 1000, 950, 50, 50, 150, 260_000, 200_000, 20_000)


def run(past: Past | None = None, *, repeats: int = 1, name: str = "m", **spec: Any) -> RunQuote:
    model = ModelSpec.model_validate(
        {"name": name, "base_url": "http://127.0.0.1:9/v1", "model": "m", **spec}
    )
    condition = Condition(modality=Modality.IMAGE, template="plain@1")
    asking = Asking(model, condition, "Which?", ("anger", "joy"), 20, 200)
    return of_run(asking, WORK, past, repeats=repeats)


def through(
    *runs: RunQuote, latency: float | None = 1.0, waiting: tuple[Waiting, ...] = (), **limits: int
) -> ModelQuote:
    pacing = Pacing(Limits(**limits), 1, latency, 0)
    return of_model(runs[0].model, runs, pacing, waiting, priority=0, now=NOW)


def test_a_run_is_quoted_with_what_it_costs_and_at_most() -> None:
    quoted = run(prices=PRICES)

    assert (quoted.requests, quoted.prompt_tokens, quoted.completion_tokens) == (10, 50_000, 4_000)
    assert (quoted.usd, quoted.most_usd) == (0.09, 0.15)
    assert quoted.overhead is None


def test_the_overhead_is_that_of_past_runs_and_says_of_which() -> None:
    overhead = run(PAST, prices=PRICES).overhead

    assert overhead is not None
    assert (overhead.of, overhead.past_runs, overhead.refused_share) == ("task", 3, 0.05)
    # Of 1,000 samples 100 more requests and two more tries at each of 50: 0.2 for each of 200.
    assert overhead.requests == 40
    # Their prompts took 30 % more tokens than their quotes said.
    assert (overhead.tokens, overhead.usd) == (15_000, 0.015)


def test_an_overhead_without_prices_has_no_cost() -> None:
    overhead = run(PAST).overhead

    assert overhead is not None
    assert overhead.usd is None


def test_a_job_is_the_sum_of_its_runs_repeats_included() -> None:
    runs = [run(PAST, repeats=3, prices=PRICES), run(PAST, prices=PRICES)]

    quote = of_job("d@1", runs, [through(*runs, rpm=60)], now=NOW)

    assert (quote.samples, quote.requests, quote.prompt_tokens) == (800, 40, 200_000)
    assert (quote.completion_tokens, quote.most_completion_tokens) == (16_000, 40_000)
    assert (quote.usd, quote.most_usd) == (0.36, 0.6)
    assert quote.overhead is not None
    assert (quote.overhead.requests, quote.overhead.refused_share) == (160, 0.05)
    assert quote.overhead.usd == 0.06
    assert (quote.overhead.tokens, quote.models[0].requests) == (60_000, 200)
    assert quote.total[:2] == (200, 276_000)
    assert quote.total.usd == 0.42
    assert (quote.seconds, quote.bound_by) == (201.0, Bound.RPM)


def test_what_is_not_known_of_one_model_is_not_known_of_the_job() -> None:
    known, unknown = run(PAST, prices=PRICES), run(name="new")
    models = [through(known, rpm=60), through(unknown, latency=None)]

    quote = of_job("d@1", [known, unknown], models, now=NOW)

    assert quote.requests == 20
    assert (quote.usd, quote.most_usd, quote.overhead) == (None, None, None)
    assert quote.total == (20, 108_000, None)
    assert (quote.seconds, quote.bound_by, quote.finish_at) == (None, Bound.UNKNOWN, None)
    assert quote.models[0].seconds is not None


def test_the_slowest_model_says_when_a_job_ends() -> None:
    runs = [run(name="a"), run(name="b")]
    models = [through(runs[0], rpm=600), through(runs[1], rpm=6)]

    quote = of_job("d@1", runs, models, now=NOW)

    assert (quote.seconds, quote.finish_at) == (101.0, models[1].finish_at)


def test_what_others_have_waiting_comes_first_where_it_may() -> None:
    waiting = (Waiting(1, Load(50, 0)), Waiting(0, Load(500, 0)), Waiting(-1, Load(900, 0)))

    quoted = through(run(), waiting=waiting, rpm=60)

    assert (quoted.ahead, quoted.seconds) == (60, 71.0)
    assert quoted.tokens == 54_000


def test_no_end_is_named_that_no_calendar_has() -> None:
    quoted = through(run(repeats=2_000_000_000), rpd=1)

    assert quoted.bound_by is Bound.RPD
    assert quoted.seconds is not None
    assert quoted.finish_at is None
