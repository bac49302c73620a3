"""How many tokens a request counts for, estimated before it is sent.

Where the rules for images are from:

- `tiles`, `patches`: OpenAI, "Images and vision", "Calculating costs"
  (platform.openai.com/docs/guides/images-vision). Factors by which some families multiply the
  patches for billing are not part of the rule.
- `area`: Anthropic, "Vision", "Evaluate image size" (docs.anthropic.com/en/docs/vision): width x
  height / 750, scaled down first beyond 1,568 pixels or about 1,600 tokens. Its newest models keep
  larger images larger; usage corrects that.
- `crops`: Google, "Image understanding" (ai.google.dev/gemini-api/docs/image-understanding), for
  Gemini 2: 258 up to 384 x 384 pixels, else 258 for each crop; "Media resolution" (same site): 64
  at low resolution.
- `budget`: Google, "Media resolution", for Gemini 3 and later: an image takes up to 280 tokens at
  low resolution, up to 1,120 else, whatever its size.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from core.rules.pictures import Prompt
from core.vocabulary import Detail

BASE, TILE = 85, 170
SQUARE, SHORT_SIDE, TILE_SIDE = 2048, 768, 512
PATCH_SIDE, MOST_PATCHES = 32, 1536

PIXELS_A_TOKEN, LONGEST_SIDE, MOST_BY_AREA = 750, 1568, 1600
CROP_TOKENS, LOW_CROP_TOKENS, UNCROPPED_SIDE = 258, 64, 384
LEAST_CROP, MOST_CROP = 256, 768
BUDGET, LOW_BUDGET = 1120, 280

PART_OVERHEAD = 4
"""Tokens that frame a message or one part of it."""

_WORD = re.compile(r"[^\W_]+|[^\w\s]+", re.ASCII)
"""A word, or signs in a row."""

ImageRule = Literal["tiles", "patches", "area", "crops", "budget"]


def image_tokens(rule: ImageRule, detail: Detail, width: int, height: int) -> int:
    """Return the tokens of one image of so many pixels.

    Tiles: 85 at low detail; at high, 170 more for each tile. `auto` counts as high. Patches and
    area know no detail.
    """
    low = detail == Detail.LOW
    match rule:
        case "patches":
            return _patches(width, height)
        case "area":
            return _by_area(width, height)
        case "crops":
            return LOW_CROP_TOKENS if low else CROP_TOKENS * _crops(width, height)
        case "budget":
            return LOW_BUDGET if low else BUDGET
        case _:
            return BASE if low else BASE + TILE * _tiles(width, height)


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
    return max_tokens + prompt_tokens(prompt, detail, rule)


def prompt_tokens(prompt: Prompt, detail: Detail, rule: ImageRule) -> int:
    """Return the tokens of a prompt: what frames it, and each sample's text and pictures."""
    total = framing_tokens(prompt.instructions, [item.name for item in prompt.items])
    for item in prompt.items:
        total += text_tokens(item.text or "")
        for picture in item.pictures:
            total += picture_tokens(rule, detail, picture.width, picture.height)
    return total


def framing_tokens(instructions: str, names: Iterable[str]) -> int:
    """Return the tokens of what a request says beside its samples: instructions and names."""
    return sum(PART_OVERHEAD + _repeated(part) for part in (instructions, *names))


def picture_tokens(rule: ImageRule, detail: Detail, width: int, height: int) -> int:
    """Return the tokens of one picture in a request, with what frames it."""
    return PART_OVERHEAD + image_tokens(rule, detail, width, height)


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


def _by_area(width: int, height: int) -> int:
    """Return the share of an image's area, fitted to a longest side, up to a bound."""
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return min(MOST_BY_AREA, math.ceil(width * scale * height * scale / PIXELS_A_TOKEN))


def _crops(width: int, height: int) -> int:
    """Return the crops of an image: squares two thirds as wide as its short side."""
    if max(width, height) <= UNCROPPED_SIDE:
        return 1
    side = min(MOST_CROP, max(LEAST_CROP, math.floor(min(width, height) / 1.5)))
    return math.ceil(width / side) * math.ceil(height / side)
