"""Prompt templates: which text is one, and what a request says with it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from string import Formatter

from core.errors import InvalidInput, InvalidTemplate
from core.vocabulary import Modality

PLACEHOLDERS = ("labels", "count", "frames")

REFERENCE = re.compile(r"([a-z0-9][a-z0-9._-]{0,63})(?:@([1-9][0-9]{0,8}))?")

NOUNS = {Modality.IMAGE: "Image", Modality.TEXT: "Text", Modality.VIDEO: "Video"}


def check(text: str, modality: Modality) -> None:
    """Refuse a text that could not be rendered for samples of a modality."""
    if not text.strip():
        raise InvalidTemplate("the template is empty; say what the model is to judge")
    allowed = [name for name in PLACEHOLDERS if name != "frames" or "video" in modality.parts]
    for name in _placeholders(text):
        if name not in allowed:
            named = ", ".join(f"{{{each}}}" for each in allowed)
            raise InvalidTemplate(
                f"nothing fills {{{name}}} for {modality}: use {named}, and double a brace that"
                " is meant as one",
                placeholder=name,
                allowed=allowed,
            )


def render(text: str, *, labels: Sequence[str], count: int, frames: int | None) -> str:
    """Return a checked template's text with its placeholders filled."""
    return text.format(labels=", ".join(labels), count=count, frames=frames)


@lru_cache(256)
def instructions(
    text: str, *, labels: tuple[str, ...], count: int, frames: int | None, noun: str
) -> str:
    """Return all that precedes the samples of a request.

    The template says what to judge; how to answer is the same for all, as answers are parsed by
    one set of rules.
    """
    rendered = render(text, labels=labels, count=count, frames=frames)
    return f"{rendered}\n\n{_answer_format(labels, count=count, frames=frames, noun=noun)}"


def noun(modality: Modality) -> str:
    """Return what a sample is called in front of it, followed by its number."""
    return NOUNS.get(modality, "Sample")


@lru_cache(256)
def names(modality: Modality, size: int) -> tuple[str, ...]:
    """Return the names that the samples of a request go by, in slot order."""
    return tuple(f"{noun(modality)} {number}" for number in range(1, size + 1))


def parse_reference(reference: str) -> tuple[str, int | None]:
    """Return the name and the version in `default@2`; None is the newest."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise InvalidInput(
            f"{reference!r} names no template; write its name, or name@version, such as default@1"
        )
    name, version = match.groups()
    return name, None if version is None else int(version)


def _answer_format(labels: Sequence[str], *, count: int, frames: int | None, noun: str) -> str:
    names = f'"{noun} 1"' if count == 1 else f'"{noun} 1" to "{noun} {count}"'
    shown = (
        f" Each video is shown as {frames} of its frames, in the order of time." if frames else ""
    )
    return (
        f"Labels: {', '.join(labels)}\n"
        f"Samples: {count}, each preceded by its name, {names}.{shown}\n"
        "Answer with a JSON array and nothing else, one object for each sample:\n"
        f'[{{"name": "{noun} 1", "result": ["best label", ..., "worst label"]}}, ...]\n'
        'Repeat the sample\'s own name as "name". In "result" rank all of the labels above, from'
        " the one that fits the sample best to the one that fits it least, spelled as above; use"
        " no other labels."
    )


def _placeholders(text: str) -> list[str]:
    """Return the names in braces; a format or conversion counts as part of the name."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidTemplate(
            f"a brace is not closed or not opened ({error}); double a brace that is meant as one"
        ) from error
    return [
        field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        for _, field, form, conversion in parts
        if field is not None
    ]
