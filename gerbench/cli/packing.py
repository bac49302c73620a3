"""A folder as one archive file, to be uploaded."""

import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO


def files_in(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, in name order; links are followed, but into no circle."""
    seen: set[str] = set()
    for top, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (file for name in sorted(names) if (file := Path(top, name)).is_file())


def pack(folder: Path, into: BinaryIO, packed: Callable[[int], None]) -> int:
    """Write a folder's files into a tar archive; return how many, tell `packed` each one's bytes.

    What a link points at is packed in its place: the service takes no links.
    """
    count = 0
    with tarfile.open(fileobj=into, mode="w", dereference=True) as archive:
        for file in files_in(folder):
            archive.add(file, arcname=file.relative_to(folder).as_posix(), recursive=False)
            packed(file.stat().st_size)
            count += 1
    return count
