"""The demo dataset: drawn faces of seven expressions, a folder for each.

The drawing is made for people to recognise. It was not adjusted to what any network makes of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from gerbench.canvas import SIDE, Bgr, Look, Pixels
from gerbench.portrait import Expression, Portrait

EXPRESSIONS = {
    "anger": Expression(
        brow_height=-0.07, brow_inner=-0.17, brow_outer=0.1, brow_pinch=0.08, eye_open=0.85,
        lid_slant=0.6, squint=0.2, mouth_width=0.38, mouth_curve=-0.12, mouth_open=0.13,
        mouth_square=0.8, lips=0.55, teeth=0.9, frown=1.0, folds=0.4, nose_wrinkle=0.2,
    ),
    "disgust": Expression(
        brow_height=-0.1, brow_inner=-0.05, brow_pinch=0.04, eye_open=0.45, lid_slant=0.15,
        squint=0.55, mouth_width=0.38, mouth_curve=-0.15, mouth_open=0.07, mouth_height=0.06,
        lip_raise=0.09, lips=1.1, teeth=0.3, folds=1.0, nose_wrinkle=1.0, frown=0.3,
    ),
    "fear": Expression(
        brow_height=0.12, brow_inner=0.14, brow_outer=-0.06, brow_pinch=0.06, eye_open=1.55,
        lid_slant=-0.25, mouth_width=0.46, mouth_curve=-0.1, mouth_open=0.17, mouth_square=0.35,
        lips=0.7, teeth=0.95, forehead=1.0, frown=0.4,
    ),
    "happiness": Expression(
        brow_height=0.03, eye_open=0.7, squint=0.5, mouth_width=0.56, mouth_curve=0.32,
        mouth_open=0.2, mouth_round=0.3, lips=0.75, teeth=0.5, folds=0.8, mouth_height=0.02,
    ),
    "neutral": Expression(),
    "sadness": Expression(
        brow_height=-0.01, brow_inner=0.17, brow_outer=-0.12, brow_pinch=0.05, eye_open=0.68,
        lid_slant=-0.75, gaze=0.35, mouth_width=0.36, mouth_curve=-0.24, lips=1.0, folds=0.25,
        forehead=0.35, mouth_height=-0.02,
    ),
    "surprise": Expression(
        brow_height=0.24, brow_inner=0.0, brow_outer=0.02, eye_open=1.65, mouth_width=0.25,
        mouth_open=0.5, mouth_round=1.0, lips=0.85, teeth=0.12, forehead=0.8, mouth_height=0.02,
    ),
}  # fmt: skip
"""What each expression does to a face, at full strength."""

SPREAD = {
    "brow_height": 0.02, "brow_inner": 0.02, "brow_outer": 0.02, "brow_pinch": 0.015,
    "eye_open": 0.06, "lid_slant": 0.06, "squint": 0.04, "gaze": 0.06, "mouth_width": 0.03,
    "mouth_curve": 0.025, "mouth_height": 0.015, "lips": 0.12,
}  # fmt: skip
"""How much a part varies between faces of one expression (standard deviation)."""

SKINS: tuple[Bgr, ...] = (
    (178, 200, 238), (150, 178, 226), (124, 156, 208), (100, 134, 190), (74, 104, 160),
    (56, 80, 128),
)  # fmt: skip
HAIRS: tuple[Bgr, ...] = (
    (22, 20, 24), (30, 38, 54), (36, 56, 88), (64, 104, 148), (108, 158, 196), (120, 124, 130),
)  # fmt: skip
IRISES: tuple[Bgr, ...] = ((40, 62, 92), (30, 42, 60), (120, 96, 60), (84, 110, 70))

Noise = NDArray[np.float32]

QUALITY = 95
NOISE_SIDE = 512


def draw_faces(folder: Path, per_class: int = 100, seed: int = 0) -> None:
    """Write a JPEG for each face into `folder/<expression>/`; the same seed, the same pixels."""
    noise = film(seed)
    for expression in EXPRESSIONS:
        (folder / expression).mkdir(parents=True, exist_ok=True)
        for number, pixels in enumerate(faces_of(expression, per_class, seed, noise)):
            encoded, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            if not encoded:
                raise OSError(f"OpenCV could not encode {expression} {number}")
            (folder / expression / f"{expression}-{number:04d}.jpg").write_bytes(data.tobytes())


def faces_of(expression: str, count: int, seed: int, noise: Noise) -> Iterator[Pixels]:
    """Yield faces of one expression; each depends on the seed and its number only."""
    at = list(EXPRESSIONS).index(expression)
    for number in range(count):
        rng = np.random.default_rng((seed, 1, at, number))
        pixels = Portrait(look_of(rng)).show(varied(EXPRESSIONS[expression], rng))
        grain = grain_of(noise, rng)
        yield grained(pixels, grain, rng.uniform(1.5, 7))


def film(seed: int) -> Noise:
    """Return the noise that pictures of one seed are taken from."""
    side = (NOISE_SIDE, NOISE_SIDE, 3)
    return np.random.default_rng((seed, 0)).standard_normal(side, dtype=np.float32)


def grain_of(noise: Noise, rng: Generator) -> Noise:
    """Return a piece of noise of the size of a picture."""
    x, y = rng.integers(0, NOISE_SIDE - SIDE, 2)
    return noise[y : y + SIDE, x : x + SIDE]


def grained(pixels: Pixels, grain: Noise, amount: float) -> Pixels:
    """Return a picture with noise of this standard deviation."""
    noisy = cv2.addWeighted(pixels, 1, grain, amount, 0, dtype=cv2.CV_8U)
    return noisy.astype(np.uint8, copy=False)


def varied(expression: Expression, rng: Generator) -> Expression:
    """Return an expression as one person shows it, weaker or stronger."""
    shown = expression.scaled(rng.uniform(0.75, 1.15))
    shifts = {part: getattr(shown, part) + rng.normal(0, by) for part, by in SPREAD.items()}
    return replace(shown, **shifts)


def look_of(rng: Generator) -> Look:
    """Return a person and a picture taken of them."""

    def color(low: int, high: int) -> Bgr:
        blue, green, red = (int(part) for part in rng.integers(low, high, 3))
        return blue, green, red

    def one_of(colors: tuple[Bgr, ...]) -> Bgr:
        factor = rng.uniform(0.93, 1.07)
        blue, green, red = (
            min(255, int(part * factor)) for part in colors[rng.integers(len(colors))]
        )
        return blue, green, red

    return Look(
        skin=one_of(SKINS),
        hair=one_of(HAIRS),
        iris=one_of(IRISES),
        ground=(color(60, 220), color(60, 220)),
        shirt=color(40, 220),
        scale=SIDE * rng.uniform(0.29, 0.35),
        centre=(SIDE * rng.uniform(0.46, 0.54), SIDE * rng.uniform(0.47, 0.53)),
        roll=rng.normal(0, 0.07),
        turn=rng.normal(0, 0.06),
        width=rng.uniform(0.9, 1.02),
        eye_gap=rng.uniform(0.37, 0.42),
        brow_weight=rng.uniform(0.8, 1.5),
        hair_line=rng.uniform(-1.25, -0.95),
        long_hair=bool(rng.integers(2)),
        light=(rng.normal(0, 0.5), rng.normal(-0.2, 0.25)),
        brightness=rng.uniform(-14, 22),
        contrast=rng.uniform(0.9, 1.15),
        blur=rng.uniform(0.4, 0.9),
    )
