from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import InvalidMedia
from core.imports.texts import clean, read_text
from tests import drawn


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array("I am fine."), "I am fine."),
        (np.array(["I am fine."]), "I am fine."),
        (np.array(["I am", "fine."]), "I am fine."),
        (np.array([["je vais", "très bien"]]), "je vais très bien"),
        (np.array(b"bytes"), "bytes"),
    ],
)
def test_numpy_files_hold_texts(tmp_path: Path, array: Any, text: str) -> None:
    np.save(tmp_path / "a.npy", array)

    assert read_text(tmp_path / "a.npy") == text


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array({"text": "x"}, dtype=object), allow_pickle=True)

    with pytest.raises(InvalidMedia, match="pickled Python objects, which are never loaded"):
        read_text(tmp_path / "a.npy")


@pytest.mark.parametrize("array", [np.arange(3), np.array([], dtype="U5"), np.float64(0.5)])
def test_other_arrays_are_no_texts(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "a.npy", array)

    with pytest.raises(InvalidMedia, match="not one of text"):
        read_text(tmp_path / "a.npy")


def test_a_numpy_header_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(["x"]))
    data = (tmp_path / "a.npy").read_bytes()
    drawn.write(tmp_path / "b.npy", data.replace(b"(1,), }        ", b"(10000000000,)}"))

    with pytest.raises(InvalidMedia, match=r"not one of text|damaged"):
        read_text(tmp_path / "b.npy")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.npy", b"I am fine.", "not a NumPy file although"),
        ("a.npy", b"\x93NUMPY\x01\x00\xff", "damaged NumPy file"),
        ("a.txt", b"", "empty text"),
        ("a.txt", b" \n", "empty text"),
        ("a.txt", "ä".encode("latin-1"), "not UTF-8 text: byte 0"),
        ("a.txt", b"a\0b", "NUL"),
        ("a.txt", b"x" * 1_000_001, "1.0 MB"),
    ],
)
def test_faulty_texts_are_named(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(InvalidMedia, match=reason):
        read_text(drawn.write(tmp_path / name, data))


def test_plain_texts_lose_mark_and_outer_blanks(tmp_path: Path) -> None:
    path = drawn.write(tmp_path / "a.txt", b"\xef\xbb\xbf so happy \xf0\x9f\x98\x80\n")

    assert read_text(path) == "so happy 😀"


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(InvalidMedia, match="half of a surrogate pair"):
        clean("\ud800")
