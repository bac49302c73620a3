"""What the first bytes of an image say of it, read before anything is decoded."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.errors import InvalidMedia

MIME = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "bmp": "image/bmp"}
"""Media type of each image format."""

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ORIENTATION_TAG = 0x0112
_BMP_CORE_HEADER = 12


@dataclass(frozen=True)
class Header:
    """An image's own description."""

    format: str
    width: int
    height: int
    """Pixels as stored, before `orientation` is applied."""
    channels: int
    """1 for a grayscale file, 4 for alpha or CMYK."""
    orientation: int = 1
    """EXIF orientation, 1 to 8; 5 to 8 swap width and height."""
    animated: bool = False

    @property
    def upright(self) -> tuple[int, int]:
        """Return width and height as a viewer shows them."""
        if self.orientation >= 5:  # noqa: PLR2004 - EXIF numbers the quarter turns 5 to 8
            return self.height, self.width
        return self.width, self.height


def read_header(data: bytes) -> Header | None:
    """Return an image's header, or None when the bytes are no JPEG, PNG, WebP or BMP."""
    reader = _reader(data)
    if reader is None:
        return None
    try:
        header = reader(data)
    except (struct.error, IndexError) as error:
        raise InvalidMedia("is cut off inside its header") from error
    if header.width < 1 or header.height < 1:
        raise InvalidMedia(f"says it is {header.width} by {header.height} pixels")
    return header


def require_header(data: bytes) -> Header:
    """Return the header of bytes that were an image when they were stored."""
    header = read_header(data)
    if header is None:
        raise InvalidMedia("is not an image, though it was one when it was imported")
    return header


def _reader(data: bytes) -> Callable[[bytes], Header] | None:
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp
    if data[:2] == b"BM":
        return _bmp
    return None


def _jpeg(data: bytes) -> Header:
    """Walk the segments up to the start of frame, noting orientation on the way."""
    at, orientation = 2, 1
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # noqa: PLR2004 - fill bytes
            at += 1
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker starts with it
            raise InvalidMedia("has a damaged JPEG header")
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        if marker in _START_OF_FRAME:
            height, width, channels = struct.unpack_from(">HHB", data, at + 5)
            return Header("jpeg", width, height, channels, orientation)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":  # noqa: PLR2004 - APP1
            orientation = _exif_orientation(data[at + 10 : at + 2 + length])
        at += 2 + length


def _png(data: bytes) -> Header:
    width, height, _, color = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 4: 2, 6: 4}.get(color, 3)
    header = Header("png", width, height, channels)
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
            header = replace(header, orientation=orientation)
        elif kind == b"acTL":
            header = replace(header, animated=True)
        at += 12 + length
    return header


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("webp", width & 0x3FFF, height & 0x3FFF, 3)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 3)
    if kind != b"VP8X":
        raise InvalidMedia("has a damaged WebP header")
    flags = data[20]
    width = int.from_bytes(data[24:27], "little") + 1
    height = int.from_bytes(data[27:30], "little") + 1
    return Header(
        "webp",
        width,
        height,
        4 if flags & 0x10 else 3,
        _webp_orientation(data) if flags & 0x08 else 1,
        bool(flags & 0x02),
    )


def _webp_orientation(data: bytes) -> int:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return _exif_orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return 1


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == _BMP_CORE_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        # A negative height means that rows run from the top.
        width, height = struct.unpack_from("<ii", data, 18)
    return Header("bmp", width, abs(height), 3)


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation in a TIFF block, 1 when there is none or it makes no sense."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for entry in range(first + 2, first + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION_TAG:
                return value if value in range(1, 9) else 1
    except struct.error:
        return 1
    return 1
