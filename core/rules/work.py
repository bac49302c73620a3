"""What a run will need, reckoned before anything is sent: requests, tokens, dollars.

Tokens are those that a worker reserves for the very same requests: both add up the same parts.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.rules.money import cost_nano
from core.rules.profiles import Profile
from core.rules.readings import Usage
from core.rules.retry import MAX_REFUSALS
from core.rules.specs import Condition, ModelSpec, Prices
from core.rules.templates import instructions, names, noun
from core.rules.tokens import framing_tokens, text_tokens

Scope = Literal["dataset", "task"]


@dataclass(frozen=True)
class Past:
    """What completed runs of a model came to: sums of their totals."""

    of: Scope
    """Whether they are over the same dataset, or only of the same task."""
    runs: int
    samples: int
    answered: int
    refused: int
    planned: int
    """Requests they would have made if nothing had been split."""
    requests: int
    prompt_tokens: int
    expected_prompt_tokens: int
    """What their quotes said."""
    completion_tokens: int

    @property
    def completion_each(self) -> float | None:
        """Return the completion tokens of an answered sample, those of lost answers included."""
        return self.completion_tokens / self.answered if self.answered else None

    @property
    def refused_share(self) -> float:
        """Return the share of samples that ended refused."""
        return self.refused / self.samples

    @property
    def extra_each(self) -> float:
        """Return the calls of a sample beyond those planned: splits, and tries at refused ones."""
        tries = (MAX_REFUSALS - 1) * self.refused
        return (self.requests - self.planned + tries) / self.samples

    @property
    def extra_share(self) -> float:
        """Return the prompt tokens beyond those expected, for each of these; 0 if fewer were.

        Requests that are split cost more than what was lost with the whole: their parts repeat
        the instructions.
        """
        expected = self.expected_prompt_tokens
        return max(0.0, self.prompt_tokens / expected - 1) if expected else 0.0


@dataclass(frozen=True)
class Asking:
    """What the requests of a run have in common, as far as it counts."""

    model: ModelSpec
    condition: Condition
    template: str
    """The template's text."""
    labels: tuple[str, ...]
    batch_size: int
    samples: int


class Work(NamedTuple):
    """What the planned requests of a run use."""

    requests: int
    expected: Usage
    most: Usage
    """If every answer is as long as the model lets it be."""


def work_of(asking: Asking, profile: Profile, completion_each: float | None) -> Work:
    """Return what a run needs if nothing is refused or sent again.

    `completion_each` is what a sample's answer took in the past; None: as the answer is asked for.
    A run over fewer samples than all has the average ones.
    """
    model, condition = asking.model, asking.condition
    own = profile.tokens_each(
        condition.modality.parts,
        model.image_tokens,
        condition.detail,
        frames=condition.frames,
        longest_side=condition.longest_side,
    )
    each = answer_tokens(asking) if completion_each is None else completion_each
    prompt = completion = 0.0
    for size, count in _batches(asking.samples, asking.batch_size):
        prompt += count * (_framing(asking, size) + size * own)
        completion += count * completion_tokens(size, each, model.max_tokens)
    requests = math.ceil(asking.samples / asking.batch_size)
    expected = Usage(round(prompt), round(completion))
    return Work(requests, expected, Usage(round(prompt), requests * model.max_tokens))


def completion_tokens(size: int, each: float, max_tokens: int) -> float:
    """Return what the answer to a request of `size` samples takes: never more than is let."""
    return min(size * each, float(max_tokens))


def request_cost(prices: Prices | None, prompt_tokens: int, completion_tokens: float) -> int | None:
    """Return what a request costs in billionths of a dollar; None where no price is known.

    With `completion_tokens` as expected it is what a request is likely to cost; with the model's
    `max_tokens` it is the most that it can.
    """
    return cost_nano(prices, Usage(prompt_tokens, math.ceil(completion_tokens)))


def answer_tokens(asking: Asking) -> int:
    """Return the tokens of a sample's answer as the prompt asks for it: all labels, ranked."""
    name = f"{noun(asking.condition.modality)} {min(asking.batch_size, asking.samples)}"
    ranked = ", ".join(f'"{label}"' for label in asking.labels)
    return text_tokens(f'{{"name": "{name}", "result": [{ranked}]}}, ')


def _batches(samples: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield each size that requests have, and how many have it."""
    full, rest = divmod(samples, size)
    if full:
        yield size, full
    if rest:
        yield rest, 1


def _framing(asking: Asking, size: int) -> int:
    """Return the tokens of a request of `size` samples beside the samples themselves."""
    condition = asking.condition
    said = instructions(
        asking.template,
        labels=asking.labels,
        count=size,
        frames=condition.frames,
        noun=noun(condition.modality),
    )
    return framing_tokens(said, names(condition.modality, size))
