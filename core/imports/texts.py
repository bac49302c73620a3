"""Texts of samples: files and columns, read without trust."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InvalidMedia

MAX_BYTES = 1_000_000
"""Longer texts are no samples; NumPy keeps four bytes a character."""


def read_text(path: Path) -> str:
    """Return the text in a .txt or .npy file."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InvalidMedia(f"is {size / 1e6:.1f} MB: a text may have {MAX_BYTES / 1e6:g} MB")
    data = path.read_bytes()
    if data.startswith(b"\x93NUMPY"):
        return clean(_from_numpy(data))
    if path.suffix.lower() == ".npy":
        raise InvalidMedia("is not a NumPy file although its name ends in .npy")
    try:
        return clean(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidMedia(f"is not UTF-8 text: byte {error.start} is no character") from error


def clean(text: str) -> str:
    """Return a text without outer blanks, or raise InvalidMedia if no database can keep it."""
    text = text.strip()
    if not text:
        raise InvalidMedia("is an empty text")
    try:
        text.encode()
        storable = "\0" not in text
    except UnicodeEncodeError:
        storable = False
    if not storable:
        raise InvalidMedia("has a character that is no text (NUL or half of a surrogate pair)")
    return text


def _from_numpy(data: bytes) -> str:
    """Return the string in an array; several strings are joined with blanks.

    The header is judged first: it may claim any size, and NumPy would allocate it.
    """
    file = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(file) == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        count = int(np.prod(shape, dtype=object))
        if dtype.hasobject:
            raise InvalidMedia(
                "holds pickled Python objects, which are never loaded: "
                "save it as numpy.array('the text')"
            )
        if dtype.kind not in "US" or count < 1 or count * dtype.itemsize > len(data):
            raise InvalidMedia("is a NumPy array, but not one of text")
        array: Any = np.load(io.BytesIO(data), allow_pickle=False)
        values = [array.item()] if array.ndim == 0 else array.ravel().tolist()
        return " ".join(v.decode() if isinstance(v, bytes) else v for v in values)
    except (ValueError, TypeError, EOFError, SyntaxError) as error:
        raise InvalidMedia("is a damaged NumPy file") from error
