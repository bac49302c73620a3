"""What a run needs is what its requests, each built and counted, add up to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.pictures import Item, Picture, Prompt, fitted
from core.rules.profiles import Profiler
from core.rules.readings import Usage
from core.rules.specs import Condition, ModelSpec, Prices
from core.rules.templates import instructions, names, noun
from core.rules.tokens import estimate, text_tokens
from core.rules.work import Asking, Past, answer_tokens, completion_tokens, request_cost, work_of
from core.vocabulary import Detail, Modality

LABELS = ("anger", "happiness", "sadness")
Sample = tuple[str, int, int]


def model(**spec: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {"name": "m", "base_url": "http://127.0.0.1:9/v1", "model": "m", **spec}
    )


def asking(samples: int, batch_size: int, of: ModelSpec | None = None, **held: Any) -> Asking:
    condition = Condition.model_validate(
        {"modality": Modality.IMAGE_TEXT, "template": "plain@1", **held}
    )
    template = "Which of {labels}? There are {count}."
    return Asking(of or model(), condition, template, LABELS, batch_size, samples)


def built(of: Asking, samples: list[Sample]) -> list[Prompt]:
    """Write every request of a run as a worker would."""
    condition, prompts = of.condition, []
    for start in range(0, len(samples), of.batch_size):
        batch = samples[start : start + of.batch_size]
        said = instructions(
            of.template,
            labels=of.labels,
            count=len(batch),
            frames=condition.frames,
            noun=noun(condition.modality),
        )
        items = []
        for name, (text, width, height) in zip(
            names(condition.modality, len(batch)), batch, strict=True
        ):
            shown = fitted(width, height, condition.longest_side)
            items.append(Item(name, (Picture(b"", "image/png", *shown, "", ""),), text))
        prompts.append(Prompt(said, tuple(items)))
    return prompts


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=60), st.integers(1, 5000), st.integers(1, 5000)),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 25),
    st.sampled_from(["tiles", "patches"]),
    st.sampled_from(Detail),
    st.sampled_from([None, 300]),
)
def test_a_run_is_quoted_at_exactly_what_its_requests_reserve(
    samples: list[Sample], batch_size: int, rule: str, detail: Detail, longest_side: int | None
) -> None:
    of = asking(
        len(samples), batch_size, model(image_tokens=rule), detail=detail, longest_side=longest_side
    )
    profiler = Profiler()
    for text, width, height in samples:
        medium = {"kind": "image", "width": width, "height": height, "frames": None}
        profiler.add(text, [medium])

    work = work_of(of, profiler.profile(), None)

    prompts = built(of, samples)
    most = of.model.max_tokens
    reserved = sum(estimate(each, detail, of.model.image_tokens, most) for each in prompts)
    assert work.requests == len(prompts)
    assert work.most == Usage(work.expected.prompt_tokens, most * len(prompts))
    assert work.most.total == reserved


def test_a_part_of_the_samples_has_the_average_ones() -> None:
    profiler = Profiler()
    for number in range(100):
        profiler.add("yes" if number % 2 else "a longer text, of which there are as many", ())
    profile = profiler.profile()

    whole = work_of(asking(100, 10), profile, 20.0)
    half = work_of(asking(50, 10), profile, 20.0)

    assert half.requests * 2 == whole.requests
    assert half.expected.prompt_tokens * 2 == whole.expected.prompt_tokens
    assert half.expected.completion_tokens * 2 == whole.expected.completion_tokens == 2000


def test_an_answer_is_expected_as_it_is_asked_for_but_never_longer_than_is_let() -> None:
    of = asking(45, 20, model(max_tokens=300))
    profiler = Profiler()
    for _ in range(45):
        profiler.add("text", ())

    work = work_of(of, profiler.profile(), None)

    each = answer_tokens(of)
    asked = '{"name": "Sample 20", "result": ["anger", "happiness", "sadness"]}, '
    assert each == text_tokens(asked)
    assert 20 * each > 300 > 5 * each
    assert work.expected.completion_tokens == 300 + 300 + 5 * each
    assert work.most.completion_tokens == 900


@pytest.mark.parametrize(
    ("size", "each", "expected"), [(10, 20.0, 200.0), (20, 20.0, 300.0), (1, 0.5, 0.5)]
)
def test_completion_tokens(size: int, each: float, expected: float) -> None:
    assert completion_tokens(size, each, 300) == expected


def test_a_request_costs_what_its_tokens_do_a_part_of_one_counted_whole() -> None:
    prices = Prices(input_per_mtok=2.5, output_per_mtok=10)

    assert request_cost(prices, 1000, 99.2) == 2_500_000 + 1_000_000
    assert request_cost(None, 1000, 99.2) is None


def past(**sums: int) -> Past:
    totals = {
        "runs": 2,
        "samples": 200,
        "answered": 190,
        "refused": 10,
        "planned": 10,
        "requests": 40,
        "prompt_tokens": 100_000,
        "expected_prompt_tokens": 80_000,
        "completion_tokens": 3800,
    }
    return Past("dataset", **{**totals, **sums})


def test_what_past_runs_came_to_is_told_for_each_sample() -> None:
    assert past().completion_each == 20.0
    assert past().refused_share == 0.05
    # 30 more requests, and two more tries at each of the ten.
    assert past().extra_each == 0.25
    assert past().extra_share == 0.25


def test_what_past_runs_cannot_tell_is_not_known() -> None:
    assert past(expected_prompt_tokens=200_000).extra_share == 0
    assert past(expected_prompt_tokens=0).extra_share == 0
    assert past(answered=0).completion_each is None
