"""How many tokens a request counts for, estimated before it is sent.

Image rules are those of OpenAI's guide "Images and vision", section "Calculating costs"
(platform.openai.com/docs/guides/images-vision). Factors by which some families multiply the
patches for billing are not part of the rule.
"""

import math
import re
from functools import lru_cache
from typing import Literal

from core.rules.pictures import Prompt
from core.vocabulary import Detail

BASE, TILE = 85, 170
SQUARE, SHORT_SIDE, TILE_SIDE = 2048, 768, 512
PATCH_SIDE, MOST_PATCHES = 32, 1536

PART_OVERHEAD = 4
"""Tokens that frame a message or one part of it."""

_WORD = re.compile(r"[^\W_]+|[^\w\s]+", re.ASCII)
"""A word, or signs in a row."""

ImageRule = Literal["tiles", "patches"]


def image_tokens(rule: ImageRule, detail: Detail, width: int, height: int) -> int:
    """Return the tokens of one image of so many pixels.

    Tiles: 85 at low detail; at high, 170 more for each tile. `auto` counts as high. Patches: one
    for each, whatever the detail.
    """
    if rule == "patches":
        return _patches(width, height)
    if detail == Detail.LOW:
        return BASE
    return BASE + TILE * _tiles(width, height)


def text_tokens(text: str) -> int:
    """Return an estimate of a text's tokens, on the high side for plain English.

    The rule of thumb that providers publish, 4 characters or 3/4 of a word a token, whichever
    gives more; a character outside ASCII counts as a token of its own.
    """
    plain = text.encode("ascii", "ignore").decode("ascii")
    foreign = len(text) - len(plain)
    by_words = len(_WORD.findall(plain)) * 4 / 3
    return foreign + math.ceil(max(len(plain) / 4, by_words))


def estimate(prompt: Prompt, detail: Detail, rule: ImageRule, max_tokens: int) -> int:
    """Return the tokens a limit counts for a prompt, ahead of its answer.

    `max_tokens` counts in full: the provider sets it aside before it knows the answer's length.
    """
    total = max_tokens + PART_OVERHEAD + _repeated(prompt.instructions)
    for item in prompt.items:
        total += PART_OVERHEAD + _repeated(item.name) + text_tokens(item.text or "")
        for picture in item.pictures:
            total += PART_OVERHEAD + image_tokens(rule, detail, picture.width, picture.height)
    return total


_repeated = lru_cache(1024)(text_tokens)
"""Of texts that stand in many requests."""


def _tiles(width: int, height: int) -> int:
    """Return the tiles that cover an image fitted into a square, then to a short side."""
    scale = min(1.0, SQUARE / max(width, height))
    scale *= min(1.0, SHORT_SIDE / (min(width, height) * scale))
    columns = math.ceil(round(width * scale) / TILE_SIDE)
    rows = math.ceil(round(height * scale) / TILE_SIDE)
    return max(1, columns) * max(1, rows)


def _patches(width: int, height: int) -> int:
    """Return the patches that cover an image, scaled down first if there were too many.

    The scale that fits the area is lowered until one side is a whole number of patches.
    """
    if math.ceil(width / PATCH_SIDE) * math.ceil(height / PATCH_SIDE) <= MOST_PATCHES:
        return math.ceil(width / PATCH_SIDE) * math.ceil(height / PATCH_SIDE)
    fit = math.sqrt(MOST_PATCHES * PATCH_SIDE**2 / (width * height))
    across, down = width * fit / PATCH_SIDE, height * fit / PATCH_SIDE
    fit = min(max(1, math.floor(across)) / across, max(1, math.floor(down)) / down)
    columns, rows = math.ceil(round(across * fit, 6)), math.ceil(round(down * fit, 6))
    return min(MOST_PATCHES, columns * rows)
