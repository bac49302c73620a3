"""What a dataset's samples amount to, small enough to reckon with at once.

A quote over a million samples reads this and no sample: pictures are counted by size, texts by
the sum of their tokens.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.rules.pictures import fitted
from core.rules.tokens import ImageRule, picture_tokens, text_tokens
from core.vocabulary import Detail, MediaKind

MOST_SIZES = 512
"""Sizes told apart; with more, those that are close to each other are averaged."""
MOST_FRAMES = 100
"""As many as a condition can ask for; longer videos are not told apart."""


class Size(NamedTuple):
    """Media of one size."""

    width: int
    height: int
    """Pixels, upright."""
    frames: int
    """Of each video, at most `MOST_FRAMES`; 0 for still images."""
    media: int
    """How many are of this size."""

    def pictures(self, frames: int | None) -> int:
        """Return how many pictures are sent of all of them, with so many frames of each video."""
        return self.media * (min(frames or 0, self.frames) if self.frames else 1)


@dataclass(frozen=True)
class Profile:
    """All samples of a dataset together."""

    samples: int
    text_tokens: int
    """Of the texts of all samples, as `text_tokens` estimates them one by one."""
    sizes: tuple[Size, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON values."""
        return {
            "samples": self.samples,
            "text_tokens": self.text_tokens,
            "sizes": [list(size) for size in self.sizes],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Profile":
        """Return the profile that `to_json` wrote."""
        sizes = tuple(Size(*size) for size in value["sizes"])
        return cls(value["samples"], value["text_tokens"], sizes)

    def tokens_each(
        self,
        parts: frozenset[str],
        rule: ImageRule,
        detail: Detail,
        *,
        frames: int | None,
        longest_side: int | None,
    ) -> float:
        """Return the tokens that a sample's own text and pictures count for on average."""
        total = self.text_tokens if "text" in parts else 0
        if parts & {"image", "video"}:
            for size in self.sizes:
                shown = fitted(size.width, size.height, longest_side)
                total += size.pictures(frames) * picture_tokens(rule, detail, *shown)
        return total / self.samples


class Profiler:
    """Makes a profile from samples that pass by; its memory does not grow with their number."""

    def __init__(self) -> None:
        self._samples = 0
        self._text_tokens = 0
        self._grain = 1
        self._sizes: dict[tuple[int, int, int], list[int]] = {}
        """Count, sum of widths and sum of heights, by sides in grains and by frames."""

    def add(self, text: str | None, media: Iterable[Mapping[str, Any]]) -> None:
        """Count a sample, given as its row has it: `media` are references as JSON."""
        self._samples += 1
        if text:
            self._text_tokens += text_tokens(text)
        pictures = list(media)
        if pictures and pictures[0]["kind"] == MediaKind.FRAMES:
            # Frames are taken from the middles of equal parts; one of them stands for all.
            middle = pictures[len(pictures) // 2]
            pictures = [{**middle, "frames": len(pictures)}]
        for medium in pictures:
            frames = min(medium["frames"] or 0, MOST_FRAMES)
            self._count(medium["width"], medium["height"], frames, 1)

    def profile(self) -> Profile:
        """Return the profile of what has passed by so far."""
        sizes = (
            Size(round(width / count), round(height / count), frames, count)
            for (_, _, frames), (count, width, height) in self._sizes.items()
        )
        return Profile(self._samples, self._text_tokens, tuple(sorted(sizes)))

    def _count(self, width: int, height: int, frames: int, count: int) -> None:
        self._put(frames, count, width * count, height * count)
        while len(self._sizes) > MOST_SIZES:
            self._grain *= 2
            fine, self._sizes = self._sizes, {}
            for (_, _, same), sums in fine.items():
                self._put(same, *sums)

    def _put(self, frames: int, count: int, width: int, height: int) -> None:
        """Add sums to those of the nearest sizes."""
        grain = self._grain * count
        sums = self._sizes.setdefault((width // grain, height // grain, frames), [0, 0, 0])
        for place, value in enumerate((count, width, height)):
            sums[place] += value
