"""Profiles: what a dataset's samples amount to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.profiles import MOST_FRAMES, MOST_SIZES, Profile, Profiler, Size
from core.rules.tokens import PART_OVERHEAD, text_tokens
from core.vocabulary import Detail

IMAGE, VIDEO, BOTH = frozenset({"image"}), frozenset({"video"}), frozenset({"image", "text"})


def medium(
    width: int, height: int, kind: str = "image", frames: int | None = None
) -> dict[str, Any]:
    return {"kind": kind, "width": width, "height": height, "frames": frames}


def of(*samples: tuple[str | None, list[dict[str, Any]]]) -> Profile:
    profiler = Profiler()
    for text, media in samples:
        profiler.add(text, media)
    return profiler.profile()


def each(profile: Profile, parts: frozenset[str], **changes: Any) -> float:
    asked: dict[str, Any] = {"frames": None, "longest_side": None, **changes}
    return profile.tokens_each(parts, "tiles", asked.pop("detail", Detail.HIGH), **asked)


def test_media_are_counted_by_size_and_texts_by_their_tokens() -> None:
    profile = of(
        ("so happy", [medium(48, 48)]), (None, [medium(48, 48)]), ("no", [medium(640, 480)])
    )

    assert profile == Profile(
        3, text_tokens("so happy") + text_tokens("no"), (Size(48, 48, 0, 2), Size(640, 480, 0, 1))
    )
    assert Profile.from_json(profile.to_json()) == profile


def test_a_video_counts_the_frames_that_are_taken_and_no_more_than_it_has() -> None:
    folder = [medium(600, 600, "frames")] * 2
    profile = of(
        (None, [medium(100, 100, "video", 30)]),
        (None, [medium(100, 100, "video", 5000)]),
        (None, folder),
    )

    assert profile.sizes == (
        Size(100, 100, 30, 1),
        Size(100, 100, MOST_FRAMES, 1),
        Size(600, 600, 2, 1),
    )
    small, large = 85 + 170 + PART_OVERHEAD, 85 + 4 * 170 + PART_OVERHEAD
    assert each(profile, VIDEO, frames=3) == (6 * small + 2 * large) / 3
    assert each(profile, VIDEO, frames=1) == (2 * small + large) / 3


@pytest.mark.parametrize(
    ("parts", "changes", "tokens"),
    [
        (IMAGE, {"detail": Detail.LOW}, 85 + PART_OVERHEAD),
        (IMAGE, {}, 85 + 4 * 170 + PART_OVERHEAD),
        (IMAGE, {"longest_side": 512}, 85 + 170 + PART_OVERHEAD),
        (frozenset({"text"}), {}, 4),
        (BOTH, {"detail": Detail.LOW}, 85 + PART_OVERHEAD + 4),
    ],
)
def test_only_what_is_shown_counts_and_as_it_is_scaled(
    parts: frozenset[str], changes: dict[str, Any], tokens: int
) -> None:
    profile = of(("so happy!", [medium(1024, 1024)]))

    assert each(profile, parts, **changes) == tokens


@given(st.lists(st.tuples(st.integers(1, 6000), st.integers(1, 6000)), min_size=1, max_size=50))
def test_few_sizes_are_kept_as_they_are(sizes: list[tuple[int, int]]) -> None:
    profile = of(*((None, [medium(*size)]) for size in sizes))

    kept = [(s.width, s.height) for s in profile.sizes for _ in range(s.media)]
    assert sorted(kept) == sorted(sizes)


def test_many_sizes_are_averaged_and_none_is_lost() -> None:
    sizes = [(200 + 7 * n % 1900, 150 + 11 * n % 1300) for n in range(20_000)]
    profile = of(*((None, [medium(*size)]) for size in sizes))

    assert len(profile.sizes) <= MOST_SIZES
    assert sum(size.media for size in profile.sizes) == len(sizes)
    distinct = list(dict.fromkeys(sizes))[:3000]
    exact = sum(each(of((None, [medium(*size)])), IMAGE) for size in distinct)
    averaged = each(of(*((None, [medium(*size)]) for size in distinct)), IMAGE)
    assert averaged * len(distinct) == pytest.approx(exact, rel=0.02)
