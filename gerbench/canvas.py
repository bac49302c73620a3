"""A picture being drawn: a person's look, and shapes in the units of their head.

The head is 2 wide and 2.6 high around the origin; x grows to the right of the picture and y
downwards.
"""

from copy import copy
from dataclasses import dataclass
from functools import cache
from math import comb

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 160
SUBPIXEL = 4
"""Bits of a coordinate's fraction, as OpenCV's drawing takes it."""

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]
Bgr = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """Whose face it is and how it was taken."""

    skin: Bgr
    hair: Bgr
    iris: Bgr
    ground: tuple[Bgr, Bgr]
    """Background, at the top and at the bottom."""
    shirt: Bgr
    scale: float
    """Pixels in a head unit."""
    centre: tuple[float, float]
    roll: float
    """Of the head, in radians."""
    turn: float
    """Of the head to the side, as a shift of the features in head units."""
    width: float
    """Of the head, as a share of the usual."""
    eye_gap: float
    brow_weight: float
    hair_line: float
    long_hair: bool
    light: tuple[float, float]
    """Where the light comes from; longer is harsher."""
    brightness: float
    contrast: float
    blur: float


class Canvas:
    """A picture being drawn in head units."""

    def __init__(self, look: Look) -> None:
        self.look = look
        top, bottom = (np.array(color, np.float32) for color in look.ground)
        ramp = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
        column = top + (bottom - top) * ramp
        self.pixels: Pixels = np.repeat(column, SIDE, axis=1).astype(np.uint8)
        cos, sin = np.cos(look.roll), np.sin(look.roll)
        self._turn = np.array([[cos, sin], [-sin, cos]]) * look.scale

    def copy(self) -> "Canvas":
        """Return a picture that goes on from this one."""
        twin = copy(self)
        twin.pixels = self.pixels.copy()
        return twin

    def place(self, points: Points) -> NDArray[np.int32]:
        """Return pixel coordinates, in OpenCV's fixed point."""
        placed = points @ self._turn + np.array(self.look.centre)
        fixed: NDArray[np.int32] = np.rint(placed * (1 << SUBPIXEL)).astype(np.int32)
        return fixed

    def fill(self, points: Points, color: Bgr) -> None:
        """Fill a shape."""
        cv2.fillPoly(self.pixels, [self.place(points)], color, cv2.LINE_AA, SUBPIXEL)

    def line(self, points: Points, color: Bgr, width: float) -> None:
        """Draw a stroke; width is in head units."""
        thickness = max(1, round(width * self.look.scale))
        cv2.polylines(
            self.pixels,
            [self.place(points)],
            isClosed=False,
            color=color,
            thickness=thickness,
            lineType=cv2.LINE_AA,
            shift=SUBPIXEL,
        )

    def inside(self, points: Points) -> Pixels:
        """Return a mask of a shape."""
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [self.place(points)], 255, cv2.LINE_AA, SUBPIXEL)
        return mask


def tint(color: Bgr, factor: float) -> Bgr:
    """Return a color darkened (below 1) or lightened."""
    blue, green, red = (int(min(255, max(0, part * factor))) for part in color)
    return blue, green, red


def blend(one: Bgr, other: Bgr, share: float) -> Bgr:
    """Return a mixture of two colors, with this share of the other."""
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return blue, green, red


@cache
def _circle(n: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, width: float, height: float, n: int = 40) -> Points:
    """Return an ellipse around a point; width and height are half of the whole."""
    return _circle(n) * (width, height) + (x, y)


@cache
def _bernstein(points: int) -> Points:
    t = np.linspace(0, 1, 16)
    degree = points - 1
    return np.stack([comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(points)], 1)


def curve(*points: Point) -> Points:
    """Return a Bézier curve from the first point to the last, drawn by those between."""
    drawn: Points = _bernstein(len(points)) @ np.array(points)
    return drawn
