"""Counts tokens the way providers bill them; independent of what gerbench estimates."""

import math

LETTERS_A_TOKEN = 4
LOW = 85
TILE = 170
TILE_SIDE = 512
LONGEST = 2048
SHORTEST = 768


def of_text(letters: int) -> int:
    """Return the tokens of a text with so many characters."""
    return math.ceil(letters / LETTERS_A_TOKEN)


def of_size(width: int, height: int) -> int:
    """Return the tokens of an image in high detail: 85 and 170 for each tile of 512².

    The image is first scaled down to fit 2048², then to a short side of 768.
    """
    scale = min(1.0, LONGEST / max(width, height))
    scale = min(scale, SHORTEST / min(width, height))
    tiles = [math.ceil(round(side * scale, 6) / TILE_SIDE) for side in (width, height)]
    return LOW + TILE * tiles[0] * tiles[1]


def by_area(width: int, height: int) -> int:
    """Return the tokens of an image as Anthropic counts them, for one that is not scaled down."""
    return math.ceil(width * height / 750)
