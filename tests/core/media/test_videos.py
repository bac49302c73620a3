from pathlib import Path

import numpy as np
import pytest

from core.errors import InvalidMedia
from core.media import images, videos
from core.vocabulary import MediaKind
from tests import drawn


@pytest.mark.parametrize("kind", ["mp4", "mov", "avi", "mkv", "webm"])
def test_a_video_is_told_by_its_content(tmp_path: Path, kind: str) -> None:
    path = drawn.video(tmp_path / f"clip.{kind}", frames=12)

    ref = videos.inspect(path.rename(tmp_path / "clip"), "clip.dat")

    assert (ref.kind, ref.format) == (MediaKind.VIDEO, kind)
    assert (ref.width, ref.height, ref.frames) == (64, 48, 12)
    assert ref.size == (tmp_path / "clip").stat().st_size


def test_only_the_wanted_frames_are_read(tmp_path: Path) -> None:
    path = drawn.video(tmp_path / "clip.mp4", frames=20)

    frames = videos.read_frames(path, [3, 10, 16])

    means = [float(np.mean(frame)) for frame in frames]
    assert means == pytest.approx([30, 100, 160], abs=5)
    assert videos.read_frames(path, []) == []


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = drawn.video(tmp_path / "clip.mp4", frames=0)

    with pytest.raises(InvalidMedia, match="no frames"):
        videos.inspect(path, "clip.mp4")


def test_a_cut_off_video_is_refused(tmp_path: Path) -> None:
    path = drawn.video(tmp_path / "clip.avi", frames=25, width=320, height=240)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])

    with pytest.raises(InvalidMedia, match=r"cut off: of the \d+ frames it lists \d can be read"):
        videos.inspect(path, "clip.avi")


def test_a_frame_beyond_the_end_is_an_error(tmp_path: Path) -> None:
    path = drawn.video(tmp_path / "clip.avi", frames=5)

    with pytest.raises(InvalidMedia, match="has 5 frames; frame 9 was asked for"):
        videos.read_frames(path, [1, 9])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"Not a video", r"is text although its name ends in \.mp4"),
        (drawn.image(".png"), "a PNG"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 200, "no frames"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    path = drawn.write(tmp_path / "clip.mp4", data)

    with pytest.raises(InvalidMedia, match=reason):
        videos.inspect(path, "clip.mp4")


def test_an_image_can_be_a_frame() -> None:
    image = images.inspect(drawn.image(".png"), "001.png")

    assert videos.as_frame(image).kind is MediaKind.FRAMES
