import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import InvalidInput
from core.media import images, videos
from core.media.headers import read_header
from core.media.prepare import preparation_key, prepare
from core.media.refs import from_json, to_json
from core.media.store import MediaStore
from core.rules.pictures import MediaRef
from core.rules.specs import Condition
from core.vocabulary import Color, Modality
from tests import drawn


def condition(**values: Any) -> Condition:
    return Condition(**{"modality": Modality.IMAGE, "template": "default@1", **values})


def stored(store: MediaStore, data: bytes) -> MediaRef:
    store.put(data)
    return images.inspect(data, "image")


def stored_video(store: MediaStore, path: Path) -> MediaRef:
    ref = videos.inspect(path, path.name)
    store.put_file(path, ref.digest)
    return ref


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[return-value]


def prepared_files(tmp_path: Path) -> list[Path]:
    return [p for p in (tmp_path / "media" / "prepared").rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("suffix", "mime"),
    [(".jpg", "image/jpeg"), (".png", "image/png"), (".webp", "image/webp")],
)
@pytest.mark.parametrize("gray", [False, True])
def test_an_image_that_needs_no_change_is_sent_untouched(
    store: MediaStore, tmp_path: Path, suffix: str, mime: str, gray: bool
) -> None:
    data = drawn.image(suffix, gray=gray)
    ref = stored(store, data)

    (picture,) = prepare(store, [ref], condition(longest_side=64))

    assert picture.data == data
    assert picture.digest == picture.source == ref.digest
    assert (picture.mime, picture.width, picture.height, picture.frame) == (mime, 64, 48, None)
    assert prepared_files(tmp_path) == []


def test_a_gray_file_is_already_grayscale(store: MediaStore) -> None:
    data = drawn.image(".png", 48, 48, gray=True)

    (picture,) = prepare(store, [stored(store, data)], condition(color=Color.GRAYSCALE))

    assert picture.data == data


def test_a_bitmap_becomes_a_jpeg(store: MediaStore) -> None:
    (picture,) = prepare(store, [stored(store, drawn.image(".bmp"))], condition())

    assert picture.mime == "image/jpeg"
    assert images.inspect(picture.data, "").format == "jpeg"


@pytest.mark.parametrize(
    ("color", "shape"), [(Color.GRAY, (48, 64, 3)), (Color.GRAYSCALE, (48, 64))]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_gray_has_three_channels_and_grayscale_one(
    store: MediaStore, color: Color, shape: tuple[int, ...], suffix: str
) -> None:
    ref = stored(store, drawn.image(suffix))

    (picture,) = prepare(store, [ref], condition(color=color))

    shown = pixels_of(picture.data)
    assert shown.shape == shape
    if color is Color.GRAY:
        assert np.ptp(shown, axis=2).max() <= 2


@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_is_applied(store: MediaStore, orientation: int) -> None:
    data = drawn.with_exif(drawn.image(".jpg", 64, 48), orientation)
    upright = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert upright is not None

    (picture,) = prepare(store, [stored(store, data)], condition(jpeg_quality=100))

    shown = pixels_of(picture.data)
    assert shown.shape == upright.shape == (picture.height, picture.width, 3)
    assert np.abs(shown.astype(int) - upright).mean() < 3
    header = read_header(picture.data)
    assert header
    assert header.orientation == 1


def test_pictures_are_scaled_down_and_never_up(store: MediaStore) -> None:
    ref = stored(store, drawn.image(".jpg", 200, 100))

    (small,) = prepare(store, [ref], condition(longest_side=50))
    (same,) = prepare(store, [ref], condition(longest_side=400))

    assert (small.width, small.height) == (50, 25)
    assert (same.width, same.height) == (200, 100)


def test_quality_counts_only_where_something_is_encoded(store: MediaStore) -> None:
    ref = stored(store, drawn.image(".jpg", 200, 100))

    sizes = [
        len(prepare(store, [ref], condition(color=color, jpeg_quality=quality))[0].data)
        for color in (Color.RGB, Color.GRAY)
        for quality in (20, 90)
    ]

    assert sizes[0] == sizes[1]
    assert sizes[2] < sizes[3]


def test_what_was_prepared_once_is_not_prepared_again(store: MediaStore, tmp_path: Path) -> None:
    ref = stored(store, drawn.image(".png"))
    wanted = condition(color=Color.GRAY)
    first = prepare(store, [ref], wanted)
    local = store.local_path(ref.digest)
    assert local
    local.unlink()

    again = prepare(store, [ref], wanted)

    assert again == first
    assert len(prepared_files(tmp_path)) == 1


@pytest.mark.parametrize("kind", ["mp4", "avi"])
def test_a_video_is_shown_by_its_frames(store: MediaStore, tmp_path: Path, kind: str) -> None:
    ref = stored_video(store, drawn.video(tmp_path / f"clip.{kind}", frames=20))
    wanted = condition(modality=Modality.VIDEO, frames=3)

    pictures = prepare(store, [ref], wanted)

    assert [picture.frame for picture in pictures] == [3, 10, 16]
    means = [float(pixels_of(picture.data).mean()) for picture in pictures]
    assert means == pytest.approx([30, 100, 160], abs=5)
    assert {picture.mime for picture in pictures} == {"image/jpeg"}
    assert {picture.source for picture in pictures} == {ref.digest}


def test_frames_are_cached_one_by_one(store: MediaStore, tmp_path: Path) -> None:
    ref = stored_video(store, drawn.video(tmp_path / "clip.mp4", frames=9))
    one = prepare(store, [ref], condition(modality=Modality.VIDEO, frames=1))
    three = prepare(store, [ref], condition(modality=Modality.VIDEO, frames=3))
    local = store.local_path(ref.digest)
    assert local
    local.unlink()

    again = prepare(store, [ref], condition(modality=Modality.VIDEO_TEXT, frames=3))

    assert again == three
    assert one[0] in three
    assert len(prepared_files(tmp_path)) == 3


def test_a_folder_of_frames_is_sampled_like_a_video(store: MediaStore) -> None:
    frames = [videos.as_frame(stored(store, drawn.image(".jpg", seed=seed))) for seed in range(9)]

    pictures = prepare(store, frames, condition(modality=Modality.VIDEO, frames=3))

    assert [picture.frame for picture in pictures] == [1, 4, 7]
    assert [picture.source for picture in pictures] == [frames[i].digest for i in (1, 4, 7)]


def test_a_text_condition_shows_no_pictures(store: MediaStore, tmp_path: Path) -> None:
    ref = stored_video(store, drawn.video(tmp_path / "clip.mp4"))

    assert prepare(store, [ref], condition(modality=Modality.TEXT)) == ()
    assert prepare(store, [], condition(modality=Modality.IMAGE_TEXT)) == ()


def test_a_video_needs_a_number_of_frames(store: MediaStore, tmp_path: Path) -> None:
    ref = stored_video(store, drawn.video(tmp_path / "clip.mp4"))

    with pytest.raises(InvalidInput, match="how many frames"):
        prepare(store, [ref], condition(modality=Modality.VIDEO))


def test_threads_that_prepare_the_same_agree(store: MediaStore) -> None:
    ref = stored(store, drawn.image(".png", 200, 200))
    wanted = condition(longest_side=100)

    with ThreadPoolExecutor(8) as pool:
        pictures = set(pool.map(lambda _: prepare(store, [ref], wanted), range(50)))

    assert len(pictures) == 1


def test_a_key_names_all_that_changes_the_bytes_and_nothing_else() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    base = preparation_key(digest, condition(), None)

    changes: list[dict[str, Any]] = [{"color": "gray"}, {"longest_side": 512}, {"jpeg_quality": 80}]
    keys = {preparation_key(digest, condition(**change), None) for change in changes}
    keys |= {preparation_key(digest, condition(), 3), preparation_key("0" * 64, condition(), None)}

    assert len(keys | {base}) == 6
    same = condition(detail="high", template="other@2", frames=3)
    assert preparation_key(digest, same, None) == base


def test_references_survive_the_database(store: MediaStore) -> None:
    refs = (stored(store, drawn.image(".jpg")), stored(store, drawn.image(".png")))

    assert from_json(to_json(refs)) == refs
