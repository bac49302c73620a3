"""Media as a condition wants them: the very bytes that are sent."""

import hashlib
from collections.abc import Sequence

from core.errors import InvalidInput
from core.media import pixels, videos
from core.media.headers import MIME, Header, require_header
from core.media.store import MediaStore
from core.rules.frames import frame_indices
from core.rules.pictures import MediaRef, Picture
from core.rules.specs import Condition
from core.vocabulary import Color, MediaKind

RECIPE = 1
"""Goes up when the same medium and condition would give other bytes than before."""

SENDABLE = {"jpeg", "png", "webp"}
"""Formats that every provider reads."""


def preparation_key(digest: str, condition: Condition, frame: int | None) -> str:
    """Return the name of prepared bytes: what they are made from, and how."""
    how = (RECIPE, condition.color.value, condition.longest_side, condition.jpeg_quality, frame)
    return hashlib.sha256(f"{digest}:{how}".encode()).hexdigest()


def prepare(
    store: MediaStore, media: Sequence[MediaRef], condition: Condition
) -> tuple[Picture, ...]:
    """Return a sample's pictures as they are sent under a condition; none if it shows text only.

    An image that needs no change is sent as it is, byte for byte; all else is encoded once
    and kept in the store. Safe in any number of threads and processes.
    """
    if condition.modality.parts.isdisjoint({"image", "video"}) or not media:
        return ()
    first = media[0]
    if first.kind is MediaKind.IMAGE:
        return tuple(_of_image(store, ref, None, condition) for ref in media)
    if condition.frames is None:
        raise InvalidInput("a condition that shows videos must say how many frames: set `frames`")
    if first.kind is MediaKind.FRAMES:
        chosen = frame_indices(len(media), condition.frames)
        return tuple(_of_image(store, media[index], index, condition) for index in chosen)
    return _of_video(store, first, frame_indices(first.frames or 0, condition.frames), condition)


def _of_image(store: MediaStore, ref: MediaRef, frame: int | None, condition: Condition) -> Picture:
    # What will be passed through is not in the cache: do not ask a remote store for it.
    if _may_pass(ref, condition):
        data, header = _stored(store, ref)
        if _fits(header, condition):
            return _picture(data, header, ref, frame, digest=ref.digest)
    key = preparation_key(ref.digest, condition, None)
    ready = store.get_prepared(key)
    if ready is None:
        data, header = _stored(store, ref)
        if _fits(header, condition):
            return _picture(data, header, ref, frame, digest=ref.digest)
        ready = _encoded(pixels.decode(data, header.orientation), condition)
        store.put_prepared(key, ready)
    return _picture(ready, require_header(ready), ref, frame)


def _stored(store: MediaStore, ref: MediaRef) -> tuple[bytes, Header]:
    """Return an image as it was imported."""
    data = store.get(ref.digest)
    return data, require_header(data)


def _of_video(
    store: MediaStore, ref: MediaRef, indices: Sequence[int], condition: Condition
) -> tuple[Picture, ...]:
    keys = {index: preparation_key(ref.digest, condition, index) for index in indices}
    ready = {index: store.get_prepared(key) for index, key in keys.items()}
    absent = [index for index, data in ready.items() if data is None]
    if absent:
        with store.open_local(ref.digest) as path:
            frames = videos.read_frames(path, absent)
        for index, shown in zip(absent, frames, strict=True):
            ready[index] = data = _encoded(shown, condition)
            store.put_prepared(keys[index], data)
    return tuple(
        _picture(data, require_header(data), ref, index) for index, data in ready.items() if data
    )


def _may_pass(ref: MediaRef, condition: Condition) -> bool:
    """Tell whether an image could be sent as it is, as far as its reference says."""
    small = _small(ref.width, ref.height, condition)
    return condition.color is Color.RGB and ref.format in SENDABLE and small


def _fits(header: Header, condition: Condition) -> bool:
    """Tell whether an image's own bytes are what the condition asks for."""
    plain = header.orientation == 1 and not header.animated and header.format in SENDABLE
    if not plain or not _small(header.width, header.height, condition):
        return False
    if condition.color is Color.GRAYSCALE:
        return header.channels == 1
    cmyk = header.format == "jpeg" and header.channels not in {1, 3}
    return condition.color is Color.RGB and not cmyk


def _small(width: int, height: int, condition: Condition) -> bool:
    return condition.longest_side is None or max(width, height) <= condition.longest_side


def _encoded(shown: pixels.Pixels, condition: Condition) -> bytes:
    converted = pixels.convert(shown, condition.color, condition.longest_side)
    return pixels.encode(converted, condition.jpeg_quality)


def _picture(
    data: bytes, header: Header, ref: MediaRef, frame: int | None, *, digest: str | None = None
) -> Picture:
    return Picture(
        data=data,
        mime=MIME[header.format],
        width=header.width,
        height=header.height,
        digest=digest or hashlib.sha256(data).hexdigest(),
        source=ref.digest,
        frame=frame,
    )
