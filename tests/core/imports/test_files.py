from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imports.files import MEDIA_FOLDERS, Locator, natural, visible
from tests import drawn


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("frame10.png", "frame2.png", "frame1.png", ".hidden", "Thumbs.db"):
        drawn.write(tmp_path / name, b"")

    assert [e.name for e in visible(tmp_path)] == ["frame1.png", "frame2.png", "frame10.png"]


@given(st.lists(st.text()))
def test_any_names_can_be_ordered(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural)) == sorted(names)


@pytest.fixture
def locator(tmp_path: Path) -> Locator:
    for name in (
        "image/a.jpg",
        "image/b.png",
        "video/c.mp4",
        "video/d/1.png",
        "e.png",
        "image/e.png",
    ):
        drawn.write(tmp_path / name, b"")
    return Locator.below(tmp_path, MEDIA_FOLDERS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "image/a.jpg"),
        ("image/a.jpg", "image/a.jpg"),
        ("image\\a.jpg", "image/a.jpg"),
        ("b", "image/b.png"),
        ("b.jpg", "image/b.png"),
        ("c", "video/c.mp4"),
        ("c.avi", "video/c.mp4"),
        ("d", "video/d"),
    ],
)
def test_files_are_found_by_what_manifests_call_them(
    locator: Locator, name: str, found: str
) -> None:
    assert locator.find(name, [".png", ".mp4"], folders=True) == locator.root / found


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.png", "has no file in the dataset's folder or its image/, video/"),
        ("d", "has no file"),
        ("e", "could be any of e.png, image/e.png"),
        ("../a.jpg", "points outside"),
        ("/etc/passwd", "points outside"),
        ("a\0", "points outside"),
    ],
)
def test_other_names_are_explained(locator: Locator, name: str, reason: str) -> None:
    found = locator.find(name, [".png"], folders=False)

    assert isinstance(found, str)
    assert found.startswith(reason)
