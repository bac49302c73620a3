import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidMedia
from core.media import images
from core.media.headers import read_header
from core.rules.pictures import MediaRef
from core.vocabulary import MediaKind
from tests import drawn


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".jpg", "jpeg"), (".png", "png"), (".webp", "webp"), (".bmp", "bmp")],
)
def test_an_image_is_told_by_its_content(suffix: str, kind: str) -> None:
    data = drawn.image(suffix, 64, 48)

    ref = images.inspect(data, "misnamed.gif")

    digest = hashlib.sha256(data).hexdigest()
    assert ref == MediaRef(MediaKind.IMAGE, digest, kind, 64, 48, len(data))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_a_tiny_gray_image_is_fine(suffix: str) -> None:
    ref = images.inspect(drawn.image(suffix, 48, 48, gray=True), "face")

    assert (ref.width, ref.height) == (48, 48)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_that_of_the_upright_image(orientation: int) -> None:
    ref = images.inspect(drawn.with_exif(drawn.image(".jpg", 64, 48), orientation), "phone.jpg")

    assert (ref.width, ref.height) == ((64, 48) if orientation < 5 else (48, 64))


def test_senseless_orientation_is_ignored() -> None:
    header = read_header(drawn.with_exif(drawn.image(".jpg"), 9))

    assert header
    assert header.orientation == 1


def test_a_hundred_megapixels_are_refused_before_decoding() -> None:
    with pytest.raises(InvalidMedia, match="10000 by 10000, 100 megapixels: scale it down to 50"):
        images.inspect(drawn.png_header(10_000, 10_000), "poster.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_off_image_is_found(suffix: str, share: float) -> None:
    data = drawn.image(suffix, 200, 150)

    with pytest.raises(InvalidMedia, match="cut off"):
        images.inspect(data[: int(len(data) * share)], "cut")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"The label of this face is: happy.\n", r"is text although its name ends in \.png"),
        ("Erklärung".encode(), "text"),
        (b"GIF89a\1\0\1\0", "a GIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (b"<!DOCTYPE html><title>Not found</title>", "an HTML page"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\0\1\2\3", "something else"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidMedia, match=reason):
        images.inspect(data, "face.png")


@given(st.sampled_from([".jpg", ".png", ".webp", ".bmp"]), st.data())
def test_damaged_headers_never_raise_anything_else(suffix: str, data: st.DataObject) -> None:
    whole = bytearray(drawn.image(suffix, 16, 16))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, min(60, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))

    with suppress(InvalidMedia):
        images.inspect(bytes(whole[:cut]), "x")
