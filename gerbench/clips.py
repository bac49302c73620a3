"""Drawn videos: the faces of the demo in motion, from rest to an expression that then stays."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from gerbench.canvas import SIDE, Pixels
from gerbench.faces import EXPRESSIONS, Noise, film, grain_of, grained, look_of, varied
from gerbench.portrait import Expression, Portrait

FRAMES = 24
FPS = 12
QUALITY = 90
THREADS = 2
ONSET = (3, 6)
"""The last frame at rest, as bounds."""
RISE = (8, 11)
"""Frames from there to full strength, as bounds: the middle frame of a clip is on the way."""


def draw_clips(folder: Path, per_class: int = 10, seed: int = 0) -> None:
    """Write an AVI for each clip into `folder/<expression>/`; the same seed, the same pixels."""
    noise = film(seed)
    for expression in EXPRESSIONS:
        (folder / expression).mkdir(parents=True, exist_ok=True)

    def draw(clip: tuple[str, int]) -> None:
        write(folder / clip_name(*clip), frames_of(*clip, seed, noise))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(draw, product(EXPRESSIONS, range(per_class))))


def clip_name(expression: str, number: int) -> str:
    """Return where a clip is, in its folder."""
    return f"{expression}/{expression}-{number:04d}.avi"


def frames_of(expression: str, number: int, seed: int, noise: Noise) -> Iterator[Pixels]:
    """Yield the frames of one clip; it depends on the seed, the expression and its number only."""
    rng = np.random.default_rng((seed, 2, list(EXPRESSIONS).index(expression), number))
    portrait = Portrait(look_of(rng))
    rest, peak = varied(Expression(), rng), varied(EXPRESSIONS[expression], rng)
    onset, rise, amount = rng.uniform(*ONSET), rng.uniform(*RISE), rng.uniform(1.5, 5)
    sway = sway_of(rng)
    pixels, drawn = portrait.show(rest), 0.0
    for frame in range(FRAMES):
        share = strength((frame - onset) / rise)
        if share != drawn:
            pixels, drawn = portrait.show(rest.towards(peak, share)), share
        moved = cv2.warpAffine(pixels, sway[frame], (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        yield grained(moved.astype(np.uint8, copy=False), grain_of(noise, rng), amount)


def strength(at: float) -> float:
    """Return how far a movement has come; it starts and ends slowly."""
    t = min(1.0, max(0.0, at))
    return t * t * (3 - 2 * t)


def sway_of(rng: Generator) -> list[cv2.typing.MatLike]:
    """Return the small movement of a head that nobody holds still: a warp for each frame."""
    phase, speed = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.6, 1.4, 3)
    waves = np.sin(phase[:, None] + speed[:, None] * np.linspace(0, np.pi, FRAMES))
    warps = []
    for x, y, roll in (waves.T * (2.0, 1.5, 1.5)).tolist():
        warp = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), roll, 1.0)
        warp[:, 2] += (x, y)
        warps.append(warp)
    return warps


def write(path: Path, frames: Iterator[Pixels]) -> None:
    """Write frames as a video; Motion JPEG, as it keeps each frame for itself."""
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, codec, FPS, (SIDE, SIDE))
    if not writer.isOpened():
        raise OSError(f"OpenCV cannot write {path}")
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, QUALITY)
    try:
        for frame in frames:
            writer.write(frame)
    finally:
        writer.release()
