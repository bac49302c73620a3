"""Answers a request: the labels of each sample ranked, written as the prompt asks."""

from typing import Any

import orjson

from gerbench.endpoint.emotions import NEUTRAL, Feelings, mean, order
from gerbench.endpoint.network import feel
from gerbench.endpoint.prompts import Ask, Sample
from gerbench.endpoint.words import feelings_of

Item = dict[str, Any]
"""`name` and `result`, as the answer format has them."""


def feelings_in(sample: Sample) -> Feelings:
    """Return what a sample shows: the average of its frames, and that with its text's."""
    said = feelings_of(sample.text)
    if not sample.images:
        return said or NEUTRAL
    shown = mean([feel(image.gray) for image in sample.images])
    return shown if said is None else mean([shown, said])


def answer(ask: Ask) -> list[Item]:
    """Return one item for each sample, in order, with all offered labels ranked."""
    return [
        {"name": sample.name, "result": order(feelings_in(sample), ask.labels)}
        for sample in ask.samples
    ]


def written(items: list[Item]) -> str:
    """Return the answer's text."""
    return orjson.dumps(items).decode()
