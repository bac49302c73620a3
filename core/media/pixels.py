"""OpenCV as gerbench uses it: the one module that decodes, turns, scales and encodes."""

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidMedia
from core.rules.pictures import fitted
from core.vocabulary import Color

Pixels = NDArray[np.uint8]
"""Rows of columns of BGR, or of one luminance."""

# Preparation runs in a pool of threads already; OpenCV's own would only fight it.
cv2.setNumThreads(1)
# What is wrong with a file is said once, in the report.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_TURNS: dict[int, tuple[int | None, int | None]] = {
    1: (None, None),
    2: (None, 1),
    3: (cv2.ROTATE_180, None),
    4: (None, 0),
    5: (cv2.ROTATE_90_CLOCKWISE, 1),
    6: (cv2.ROTATE_90_CLOCKWISE, None),
    7: (cv2.ROTATE_90_COUNTERCLOCKWISE, 1),
    8: (cv2.ROTATE_90_COUNTERCLOCKWISE, None),
}
"""What to do for each EXIF orientation: a rotation, then a flip (1: left to right)."""


def decode(data: bytes, orientation: int = 1) -> Pixels:
    """Return an image's pixels as BGR, turned upright; alpha is dropped."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return turn(_decode(data, flags), orientation)


def check(data: bytes) -> None:
    """Raise InvalidMedia unless all of an image can be decoded."""
    _decode(data, cv2.IMREAD_UNCHANGED)


def _decode(data: bytes, flags: int) -> Pixels:
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise InvalidMedia("cannot be decoded") from error
    if pixels is None:
        raise InvalidMedia("is cut off or damaged: it cannot be decoded to its end")
    return pixels  # type: ignore[no-any-return]  # the stubs do not know the depth


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels upright, given the EXIF orientation they were stored in."""
    rotation, flip = _TURNS[orientation]
    turned: Any = pixels if rotation is None else cv2.rotate(pixels, rotation)
    return turned if flip is None else cv2.flip(turned, flip)  # type: ignore[no-any-return]


def convert(pixels: Pixels, color: Color, longest_side: int | None) -> Pixels:
    """Return BGR pixels in another color space, scaled down to fit if they are larger."""
    if color is not Color.RGB:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
    if color is Color.GRAY:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
    height, width = pixels.shape[:2]
    size = fitted(width, height, longest_side)
    if size == (width, height):
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def encode(pixels: Pixels, quality: int) -> bytes:
    """Return pixels as a JPEG: of three components, or of one for grayscale."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
