"""Videos, as one file or as a folder of frames: what they are, and single frames of them."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2

from core.errors import InvalidMedia
from core.media import images
from core.media.pixels import Pixels
from core.rules.pictures import MediaRef
from core.vocabulary import MediaKind

MIME = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
}
"""Media type of each video format."""

SUFFIXES = tuple(f".{name}" for name in MIME)
"""How video files are usually named; what they are is read from their content."""

_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip"}
"""What a QuickTime file without `ftyp` starts with."""


def container(start: bytes) -> str | None:
    """Return a video's format from its first bytes, or None when it is none we know."""
    if start[4:8] == b"ftyp":
        return "mov" if start[8:12] == b"qt  " else "mp4"
    if start[4:8] in _ATOMS:
        return "mov"
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return "avi"
    if start[:4] == b"\x1aE\xdf\xa3":
        return "webm" if b"webm" in start[:4096] else "mkv"
    return None


def inspect(path: Path, name: str) -> MediaRef:
    """Return what a video file is; InvalidMedia tells what is wrong.

    Frames are counted by reading through the file once: what a container says of itself is
    an estimate in some, and a lie in a file that was cut off.
    """
    with path.open("rb") as file:
        start = file.read(4096)
        kind = container(start)
        if kind is None:
            raise InvalidMedia(_not_a_video(start, name))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with _opened(path) as capture:
        claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        width, height = _first_frame(capture)
        frames = 1 + _count(capture)
    if frames < claimed / 2:
        raise InvalidMedia(f"is cut off: of the {claimed} frames it lists {frames} can be read")
    return MediaRef(
        kind=MediaKind.VIDEO,
        digest=digest,
        format=kind,
        width=width,
        height=height,
        size=path.stat().st_size,
        frames=frames,
    )


def as_frame(image: MediaRef) -> MediaRef:
    """Return an image as one frame of a video that is kept as a folder."""
    return replace(image, kind=MediaKind.FRAMES)


def read_frames(path: Path, indices: Sequence[int]) -> list[Pixels]:
    """Return the frames at `indices`, which ascend; only these are converted to pixels."""
    found: list[Pixels] = []
    with _opened(path) as capture:
        for at in range(indices[-1] + 1 if indices else 0):
            if not capture.grab():
                raise InvalidMedia(f"has {at} frames; frame {indices[-1]} was asked for")
            if at == indices[len(found)]:
                found.append(_retrieved(capture))
    return found


def _not_a_video(start: bytes, name: str) -> str:
    if not start:
        return "is empty"
    suffix = Path(name).suffix
    named = f" although its name ends in {suffix}" if suffix.lower() in SUFFIXES else ""
    return f"is not an MP4, MOV, AVI, MKV or WebM video: it is {images.describe(start)}{named}"


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Lend a capture on a video file."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise InvalidMedia("has no frames that can be read: it is empty, cut off or damaged")
        images.refuse_large(
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        )
        yield capture
    finally:
        capture.release()


def _first_frame(capture: cv2.VideoCapture) -> tuple[int, int]:
    """Return width and height of the first frame, as decoded."""
    if not capture.grab():
        raise InvalidMedia("has no frames")
    height, width = _retrieved(capture).shape[:2]
    return width, height


def _count(capture: cv2.VideoCapture) -> int:
    """Return how many frames are left."""
    count = 0
    while capture.grab():
        count += 1
    return count


def _retrieved(capture: cv2.VideoCapture) -> Pixels:
    done, frame = capture.retrieve()
    if not done:
        raise InvalidMedia("has a frame that cannot be decoded")
    return frame  # type: ignore[return-value]  # eight bits a channel, from FFmpeg
