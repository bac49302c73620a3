from pathlib import Path

import cv2
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


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("clip.mp4", "mpeg4", {"g": "12", "bf": "2"}),
        ("clip.mp4", "libx264", {"g": "250", "bf": "3", "b-pyramid": "normal"}),
        ("clip.mp4", "libx264", {"g": "12", "x264-params": "open-gop=1"}),
        ("clip.webm", "libvpx-vp9", {"g": "128", "auto-alt-ref": "1", "lag-in-frames": "16"}),
    ],
)
def test_single_frames_are_pixel_for_pixel_those_of_a_whole_reading(
    tmp_path: Path, name: str, encoder: str, options: dict[str, str]
) -> None:
    path = drawn.encoded(tmp_path / name, encoder, options, frames=40)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    whole = [frame for done, frame in iter(capture.read, (False, None)) if done]
    assert len(whole) == videos.inspect(path, name).frames == 40

    for wanted in ([6, 20, 33], [0], [39], list(range(40))):
        read = videos.read_frames(path, wanted)

        assert np.array_equal(read, [whole[index] for index in wanted])


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
