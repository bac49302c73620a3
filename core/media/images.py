"""Images: what they are, and whether they can be used."""

import hashlib
import re
from pathlib import PurePath

from core.errors import InvalidMedia
from core.media import pixels
from core.media.headers import Header, read_header
from core.rules.pictures import MediaRef
from core.vocabulary import MediaKind

MAX_PIXELS = 50_000_000
"""Larger images are refused before decoding; no model looks at a fraction of this."""
MAX_BYTES = 200_000_000
"""Larger files are refused before reading: 50 megapixels as an uncompressed BMP take 150 MB."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""How image files are usually named; what they are is read from their content."""

_KINDS = (
    (re.compile(rb"\xff\xd8\xff"), "a JPEG"),
    (re.compile(rb"\x89PNG"), "a PNG"),
    (re.compile(rb"BM"), "a BMP"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP image"),
    (re.compile(rb"GIF8"), "a GIF"),
    (re.compile(rb"II\*\0|MM\0\*"), "a TIFF"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"PK\x03\x04"), "a zip archive"),
    (re.compile(rb"\x1f\x8b"), "gzip data"),
    (re.compile(rb"\x93NUMPY"), "a NumPy array"),
    (re.compile(rb"....ftyp", re.DOTALL), "an MP4, MOV or HEIC file"),
    (re.compile(rb"RIFF|\x1aE\xdf\xa3"), "a video or a sound"),
    (re.compile(rb"[^\0]*<svg", re.IGNORECASE), "an SVG"),
    (re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*\Z"), "text"),
)
"""What files of each kind start with. Text comes last: much looks like it."""


def inspect(data: bytes, name: str) -> MediaRef:
    """Return what an image is, whatever its name says; InvalidMedia tells what is wrong.

    The size is read from the header and judged before a pixel is decoded. Then all of the
    image is decoded once, since that is what finds a file that was cut off.
    """
    header = _checked_header(data, name)
    pixels.check(data)
    width, height = header.upright
    return MediaRef(
        kind=MediaKind.IMAGE,
        digest=hashlib.sha256(data).hexdigest(),
        format=header.format,
        width=width,
        height=height,
        size=len(data),
    )


def _checked_header(data: bytes, name: str) -> Header:
    if not data:
        raise InvalidMedia("is empty")
    header = read_header(data)
    if header is None:
        suffix = PurePath(name).suffix
        named = f" although its name ends in {suffix}" if suffix.lower() in SUFFIXES else ""
        raise InvalidMedia(f"is not a JPEG, PNG, WebP or BMP image: it is {describe(data)}{named}")
    refuse_large(header.width, header.height)
    return header


def refuse_large(width: int, height: int) -> None:
    """Raise InvalidMedia for more pixels than are worth decoding."""
    if width * height > MAX_PIXELS:
        raise InvalidMedia(
            f"is {width} by {height}, {width * height / 1e6:.0f} megapixels: scale it down to "
            f"{MAX_PIXELS / 1e6:.0f} megapixels or fewer"
        )


def describe(data: bytes) -> str:
    """Say what bytes look like, for somebody who thought they were something else."""
    start = data[:1024]
    return next((what for magic, what in _KINDS if magic.match(start)), "something else")
