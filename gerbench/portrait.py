"""Draws one face from its parameters, with OpenCV, in the manner of a simple portrait.

Lengths are in the head units of `canvas`.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from gerbench.canvas import SIDE, Bgr, Canvas, Look, Pixels, Points, blend, curve, ellipse, tint

LIP = (70, 60, 165)
VISIBLE = 0.1
"""Wrinkles and teeth below this are not drawn."""
UPPER_ROW = 0.5
"""Of an opening, what shows the upper teeth only."""


@dataclass(frozen=True)
class Expression:
    """What the face does."""

    brow_height: float = 0.0
    """Of the whole brow, upwards."""
    brow_inner: float = 0.0
    """Of the end at the nose, upwards besides."""
    brow_outer: float = 0.0
    """Of the end at the temple, upwards besides."""
    brow_pinch: float = 0.0
    """Of the inner ends, towards each other."""
    eye_open: float = 1.0
    """1 is at rest."""
    lid_slant: float = 0.0
    """Upper lid lowered at the nose (above 0) or at the temple (below 0)."""
    squint: float = 0.0
    """Lower lid raised, as a share of the eye."""
    gaze: float = 0.0
    """Of the iris, downwards, as a share of the eye."""
    mouth_width: float = 0.42
    """From the middle to a corner."""
    mouth_curve: float = 0.0
    """Of the corners against the middle, upwards."""
    mouth_open: float = 0.0
    """Between the lips."""
    mouth_square: float = 0.0
    """0: an oval opening; 1: a box."""
    mouth_round: float = 0.0
    """0: corners are pointed; 1: an ellipse."""
    mouth_height: float = 0.0
    """Of the whole mouth, upwards."""
    lip_raise: float = 0.0
    """Of the upper lip's middle, upwards, baring teeth."""
    lips: float = 1.0
    """Thickness of the lips; pressed lips are thin."""
    teeth: float = 0.0
    """Share of the opening that shows teeth: upper ones up to a half, above that both rows."""
    folds: float = 0.0
    """Depth of the folds from nose to mouth."""
    nose_wrinkle: float = 0.0
    """Depth of the wrinkles at the root of the nose."""
    frown: float = 0.0
    """Depth of the upright lines between the brows."""
    forehead: float = 0.0
    """Depth of the level lines on the forehead."""

    def scaled(self, factor: float) -> "Expression":
        """Return the same expression, weaker or stronger against a face at rest."""
        return Expression().towards(self, factor)

    def towards(self, other: "Expression", share: float) -> "Expression":
        """Return what lies between this expression (0) and another (1)."""
        parts = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Expression(*(start + share * (end - start) for start, end in parts))


class Portrait:
    """A person who is drawn again for each expression; what does not move is drawn once."""

    def __init__(self, look: Look) -> None:
        self._still = Canvas(look)
        draw_head(self._still)
        self._gain = gain_of(look)

    def show(self, face: Expression) -> Pixels:
        """Return the picture, BGR, SIDE x SIDE; noise is left to the caller."""
        canvas = self._still.copy()
        draw_wrinkles(canvas, face)
        draw_nose(canvas, face)
        for side in (-1, 1):
            draw_eye(canvas, face, side)
            draw_brow(canvas, face, side)
        draw_mouth(canvas, face)
        draw_fringe(canvas)
        return lit(canvas, self._gain)


def draw_head(canvas: Canvas) -> None:
    """Draw all that does not move: hair, shoulders, neck, ears, skin."""
    look = canvas.look
    width = look.width
    if look.long_hair:
        canvas.fill(ellipse(0, 0.2, width * 1.22, 1.75), tint(look.hair, 0.8))
    canvas.fill(ellipse(0, 2.6, 2.0, 1.0), look.shirt)
    canvas.fill(
        np.array([[-0.45, 0.8], [0.45, 0.8], [0.55, 1.8], [-0.55, 1.8]]), tint(look.skin, 0.72)
    )
    if not look.long_hair:
        canvas.fill(ellipse(0, -0.3, width * 1.06, 1.18), look.hair)
    for side in (-1, 1):
        canvas.fill(ellipse(side * width * 0.98, 0.05, 0.14, 0.26), tint(look.skin, 0.85))
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    # A chin narrower than the brow: the lower half draws in.
    drawn_in = 1 - 0.18 * np.clip(np.sin(angle), 0, 1) ** 2
    skull = np.stack([width * np.cos(angle) * drawn_in, 1.3 * np.sin(angle)], axis=1)
    canvas.fill(skull, look.skin)


def draw_fringe(canvas: Canvas) -> None:
    """Draw the hair over the forehead."""
    look = canvas.look
    line = look.hair_line
    top = curve(
        (-look.width * 1.04, -0.25), (-1.1, -1.75), (1.1, -1.75), (look.width * 1.04, -0.25)
    )
    brow = curve(
        (look.width * 0.93, -0.35), (0.7, line - 0.1), (-0.5, line), (-look.width * 0.93, -0.35)
    )
    canvas.fill(np.concatenate([top, brow]), look.hair)


def draw_wrinkles(canvas: Canvas, face: Expression) -> None:
    """Draw the folds that an expression leaves in the skin."""
    skin, turn = canvas.look.skin, canvas.look.turn

    def depth(amount: float) -> Bgr:
        return tint(skin, 1 - 0.38 * min(1.0, max(0.0, amount)))

    for side in (-1, 1):
        if face.folds > VISIBLE:
            top = (turn + side * 0.2, 0.32)
            beside = max(0.44, face.mouth_width) + 0.08
            end = (turn + side * beside, 0.8 - 0.5 * face.mouth_curve)
            fold = curve(top, (turn + side * beside, 0.4), end)
            canvas.line(fold, depth(face.folds), 0.05)
        if face.frown > VISIBLE:
            x = turn + side * 0.07
            canvas.line(curve((x, -0.5), (x * 0.8, -0.38), (x, -0.26)), depth(face.frown), 0.04)
        if face.nose_wrinkle > VISIBLE:
            for y in (-0.14, -0.05, 0.04):
                wrinkle = curve((turn + side * 0.16, y - 0.05), (turn + side * 0.1, y), (turn, y))
                canvas.line(wrinkle, depth(face.nose_wrinkle), 0.035)
    if face.forehead > VISIBLE:
        for y in (-0.84, -0.72):
            level = curve((turn - 0.45, y + 0.03), (turn, y - 0.05), (turn + 0.45, y + 0.03))
            canvas.line(level, depth(face.forehead * 0.7), 0.035)


def draw_nose(canvas: Canvas, face: Expression) -> None:
    """Draw a nose; wrinkled, it is shorter and its wings are wider."""
    skin, turn = canvas.look.skin, canvas.look.turn * 1.4
    lift, flare = 0.06 * face.nose_wrinkle, 0.04 * face.nose_wrinkle
    side = -1 if canvas.look.light[0] > 0 else 1
    ridge = curve(
        (turn * 0.7 + side * 0.1, -0.2), (turn + side * 0.08, 0.1), (turn + side * 0.17, 0.3 - lift)
    )
    canvas.line(ridge, tint(skin, 0.82), 0.05)
    for wing in (-1, 1):
        x = turn + wing * (0.17 + flare)
        canvas.line(
            curve((x, 0.26 - lift), (x + wing * 0.05, 0.36 - lift), (x - wing * 0.06, 0.38 - lift)),
            tint(skin, 0.68),
            0.045,
        )
        canvas.fill(ellipse(turn + wing * 0.09, 0.38 - lift, 0.055, 0.03, 12), tint(skin, 0.42))


def lid_lines(face: Expression, side: int, x: float, y: float) -> tuple[Points, Points]:
    """Return the upper and the lower lid, from the left corner to the right."""
    t = np.linspace(-1, 1, 17)
    bow = 1 - t**2
    towards_nose = -side * t
    upper = 0.13 * face.eye_open * bow - 0.09 * face.lid_slant * towards_nose * np.sqrt(bow)
    lower = 0.085 * (0.4 + 0.6 * face.eye_open) * bow * (1 - face.squint)
    upper = np.maximum(upper, -lower + 0.02 * bow)
    xs = x + 0.235 * t
    return np.stack([xs, y - upper], axis=1), np.stack([xs, y + lower], axis=1)


def draw_eye(canvas: Canvas, face: Expression, side: int) -> None:
    """Draw an eye, clipped by its lids."""
    look = canvas.look
    x, y = look.turn + side * look.eye_gap, -0.16
    upper, lower = lid_lines(face, side, x, y)
    outline = np.concatenate([upper, lower[::-1]])
    mask = canvas.inside(outline)
    before = canvas.pixels.copy()
    canvas.fill(outline, (226, 232, 236))
    iris = (x + look.turn * 0.15, y + 0.02 + face.gaze * 0.1)
    canvas.fill(ellipse(*iris, 0.105, 0.105, 24), look.iris)
    canvas.fill(ellipse(*iris, 0.052, 0.052, 16), (15, 12, 12))
    canvas.fill(ellipse(iris[0] + 0.03, iris[1] - 0.04, 0.022, 0.022, 10), (255, 255, 255))
    cv2.copyTo(canvas.pixels, mask, before)
    canvas.pixels = before
    canvas.line(upper, tint(look.hair, 0.45), 0.045)
    canvas.line(lower, tint(look.skin, 0.6), 0.025)
    crease = upper + np.array([0.0, -0.075])
    canvas.line(crease[3:-3], tint(look.skin, 0.72), 0.025)
    if face.squint > VISIBLE:
        bag = lower[2:-2] + np.array([0.0, 0.05])
        canvas.line(bag, tint(look.skin, 1 - 0.3 * face.squint), 0.03)


def draw_brow(canvas: Canvas, face: Expression, side: int) -> None:
    """Draw an eyebrow: thick at the nose, thin at the temple."""
    look = canvas.look
    inner_x = look.turn + side * (look.eye_gap - 0.24 - face.brow_pinch)
    outer_x = look.turn + side * (look.eye_gap + 0.28)
    y = -0.44 - face.brow_height
    inner, outer = y - face.brow_inner, y + 0.02 - face.brow_outer
    middle = ((inner_x + outer_x) / 2, y - 0.12 - 0.5 * (face.brow_inner + face.brow_outer))
    weight = 0.055 * look.brow_weight
    top = curve((inner_x, inner - weight), (middle[0], middle[1] - weight), (outer_x, outer))
    low = curve((outer_x, outer + 0.02), (middle[0], middle[1] + weight), (inner_x, inner + weight))
    canvas.fill(np.concatenate([top, low]), tint(look.hair, 0.7))


def draw_mouth(canvas: Canvas, face: Expression) -> None:
    """Draw lips, and between them dark and teeth."""
    look = canvas.look
    lip = blend(look.skin, LIP, 0.38)
    x, y = look.turn * 1.15, 0.72 - face.mouth_height
    t = np.linspace(-1, 1, 25)
    bow = (1 - np.abs(t) ** (2 + 4 * face.mouth_square)) ** (1 - 0.5 * face.mouth_round)
    bend = 1 - bow
    corner, middle = -face.mouth_curve * 0.6, face.mouth_curve * 0.4

    def across(at_middle: float) -> Points:
        heights = at_middle + (corner - at_middle) * bend
        return np.stack([x + face.mouth_width * t, y + heights], axis=1)

    upper = across(middle - face.mouth_open * 0.45 - face.lip_raise)
    lower = across(middle + face.mouth_open * 0.55)
    cupid = 0.02 * np.exp(-((t / 0.18) ** 2))
    above = np.stack([0 * t, face.lips * (0.075 * (1 - t**2) - cupid)], axis=1)
    below = np.stack([0 * t, face.lips * 0.1 * (1 - t**2)], axis=1)
    shade = (x, float((lower + below)[:, 1].max()) + 0.09)
    canvas.line(
        curve((x - 0.16, shade[1] - 0.02), shade, (x + 0.16, shade[1] - 0.02)),
        tint(look.skin, 0.82),
        0.05,
    )
    canvas.fill(np.concatenate([upper - above, (lower + below)[::-1]]), lip)
    canvas.fill(np.concatenate([upper, lower[::-1]]), (34, 24, 52))
    draw_teeth(canvas, face.teeth, upper, lower)
    canvas.line(upper, tint(lip, 0.5), 0.03)
    for end in (0, -1):
        canvas.fill(ellipse(upper[end, 0], upper[end, 1], 0.03, 0.025, 10), tint(lip, 0.5))


def draw_teeth(canvas: Canvas, share: float, upper: Points, lower: Points) -> None:
    """Draw the upper row, and the lower one when more than half of the opening shows teeth."""
    if share <= VISIBLE:
        return
    gap = lower - upper
    inner = slice(2, -2)
    color = (222, 232, 238)
    rows = (
        [(0.0, min(share, UPPER_ROW))]
        if share <= UPPER_ROW
        else [(0.0, share / 2), (1 - share / 2, 1.0)]
    )
    for start, end in rows:
        row = [(upper + start * gap)[inner], (upper + end * gap)[inner][::-1]]
        canvas.fill(np.concatenate(row), color)


def gain_of(look: Look) -> NDArray[np.float32]:
    """Return the light on each pixel: more towards its source, less at the head's far side."""
    small = 20
    grid = (np.arange(small) + 0.5) * SIDE / small
    xs = (grid[None, :] - look.centre[0]) / look.scale
    ys = (grid[:, None] - look.centre[1]) / look.scale / 1.3
    shade = 1 + 0.3 * (xs * look.light[0] + ys * look.light[1])
    # The head is round: what turns away from the viewer gets less light.
    shade -= 0.16 * np.clip(xs**2 + ys**2, 0, 1.6)
    gain = cv2.resize(shade.astype(np.float32) * look.contrast, (SIDE, SIDE))
    return gain[..., None].astype(np.float32, copy=False)


def lit(canvas: Canvas, gain: NDArray[np.float32]) -> Pixels:
    """Return the picture under its light."""
    lifted = canvas.pixels.astype(np.float32) * gain + np.float32(canvas.look.brightness)
    blurred = cv2.GaussianBlur(lifted, (0, 0), canvas.look.blur)
    return np.clip(blurred, 0, 255).astype(np.uint8)
