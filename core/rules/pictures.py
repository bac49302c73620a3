"""Media as rules and edges speak of them: what is stored, and what is sent."""

from dataclasses import dataclass

from core.vocabulary import MediaKind


@dataclass(frozen=True)
class MediaRef:
    """A medium in the store. A video kept as frames is several of them, in order."""

    kind: MediaKind
    digest: str
    """SHA-256 of the file, hex; its address in the store."""
    format: str
    """jpeg, png, webp, bmp, mp4, avi, mov, mkv or webm: what the bytes are, whatever the name."""
    width: int
    height: int
    """Pixels, after EXIF orientation."""
    size: int
    """Bytes."""
    frames: int | None = None
    """Of a video: how many it has."""


@dataclass(frozen=True)
class Picture:
    """An image as it is sent."""

    data: bytes
    mime: str
    width: int
    height: int
    digest: str
    """SHA-256 of `data`, hex."""
    source: str
    """Digest of the medium it was made from."""
    frame: int | None = None
    """Of a video: the index of the frame it shows, from 0."""


@dataclass(frozen=True)
class Item:
    """One sample as a request shows it, under the name that the answer must echo."""

    name: str
    """Such as `Image 3`; counts from 1 within the request."""
    pictures: tuple[Picture, ...] = ()
    text: str | None = None


@dataclass(frozen=True)
class Prompt:
    """All that is said in one request: what to do, then the samples."""

    instructions: str
    items: tuple[Item, ...]


def fitted(width: int, height: int, longest_side: int | None) -> tuple[int, int]:
    """Return the sides of a picture scaled down so that its longest is at most this."""
    longest = max(width, height)
    if longest_side is None or longest <= longest_side:
        return width, height
    scaled = (max(1, round(side * longest_side / longest)) for side in (width, height))
    return next(scaled), next(scaled)
