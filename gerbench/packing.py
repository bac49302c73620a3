"""A folder as one archive file, to be uploaded."""

import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO


def contents(folder: Path) -> Iterator[Path]:
    """Yield the folders and files in a folder, in name order, but the hidden ones.

    Links are followed, but into no circle. Empty folders count: an import reports them.
    """
    seen: set[str] = set()
    for top, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = [*folders, *sorted(name for name in files if not name.startswith("."))]
        yield from (Path(top, name) for name in names)


def pack(folder: Path, into: BinaryIO, packed: Callable[[int], None]) -> None:
    """Write a folder into a tar archive, and tell `packed` the bytes of each part.

    What a link points at is packed in its place: the service takes no links.
    """
    with tarfile.open(fileobj=into, mode="w", dereference=True) as archive:
        for part in contents(folder):
            archive.add(part, arcname=part.relative_to(folder).as_posix(), recursive=False)
            packed(size(part))


def size(part: Path) -> int:
    """Return the bytes of a file, 0 of a folder."""
    return part.stat().st_size if part.is_file() else 0
