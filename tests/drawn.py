"""Real media files, drawn by the tests that need them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".mkv": "MJPG", ".webm": "VP80"}


def scene(width: int = 64, height: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """Colored noise with a bright upper left corner, so that a turn shows."""
    pixels = np.random.default_rng(seed).integers(0, 128, (height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 2] = 255
    return pixels


def image(
    suffix: str = ".png", width: int = 64, height: int = 48, seed: int = 0, *, gray: bool = False
) -> bytes:
    pixels = scene(width, height, seed)
    return cv2.imencode(suffix, pixels[:, :, 0] if gray else pixels)[1].tobytes()


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block, in big-endian order, right behind its start."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + b"\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG of any size, with a little of its data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"\0" * 64)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def video(path: Path, frames: int = 20, width: int = 64, height: int = 48) -> Path:
    """A video whose n-th frame is gray of brightness 10 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
    writer = cv2.VideoWriter(str(path), codec, 10, (width, height))
    for index in range(frames):
        writer.write(np.full((height, width, 3), index * 10, np.uint8))
    writer.release()
    return path


def encoded(path: Path, encoder: str, options: dict[str, str], frames: int) -> Path:
    """A video of moving noise, by any encoder of FFmpeg; OpenCV's writes no H.264."""
    with av.open(path, "w") as file:
        stream: Any = file.add_stream(encoder, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(frames):
            pixels = np.roll(scene(96, 64), 3 * index, axis=1)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        file.mux(stream.encode())
    return path


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path
