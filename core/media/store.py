"""Where media rest: files named by what is in them, in a folder or behind any fsspec URL."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import fsspec

from core.errors import MediaAway, NotFound

CHUNK = 1 << 20
"""Bytes read at a time from a remote file."""


@dataclass(frozen=True)
class PreparedFile:
    """Something that was prepared: its key, its bytes, and when, in seconds since the epoch."""

    key: str
    size: int
    at: float


class MediaStore:
    """Media by their SHA-256, and beside them what was prepared from them.

    Writing is idempotent and atomic, so any number of processes may share a store. A file
    that a power failure left short is written again when its content is put again.
    """

    def __init__(self, url: str) -> None:
        # Without a memory of what is there: other processes put and remove files too.
        self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        local = "file" in (
            (self._files.protocol,)
            if isinstance(self._files.protocol, str)
            else self._files.protocol
        )
        self._folder = Path(self._root) if local else None

    @property
    def folder(self) -> Path | None:
        """Return the folder that the store is, or None where it is none."""
        return self._folder

    def put(self, data: bytes) -> str:
        """Store a medium and return its digest."""
        digest = hashlib.sha256(data).hexdigest()
        self._write(_place(digest), len(data), lambda file: _write_all(file, data))
        return digest

    def put_file(self, path: Path, digest: str) -> None:
        """Store a file whose digest is known, without holding it in memory."""

        def copy(target: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target, CHUNK)

        self._write(_place(digest), path.stat().st_size, copy)

    def get(self, digest: str) -> bytes:
        """Return a medium."""
        data = self._read(_place(digest))
        if data is None:
            raise _missing(digest)
        return data

    def exists(self, digest: str) -> bool:
        """Tell whether a medium is stored."""
        return self._size(_place(digest)) is not None

    def local_path(self, digest: str) -> Path | None:
        """Return the medium's own file, or None where the store is not a folder."""
        if self._folder is None:
            return None
        path = self._folder / _place(digest)
        if not path.exists():
            raise _missing(digest)
        return path

    @contextmanager
    def open_local(self, digest: str) -> Iterator[Path]:
        """Lend a file with the medium's content, for readers that want a path."""
        path = self.local_path(digest)
        if path is not None:
            yield path
            return
        with tempfile.NamedTemporaryFile() as file:
            try:
                with _asking():
                    self._files.get_file(f"{self._root}/{_place(digest)}", file.name)
            except FileNotFoundError as error:
                raise _missing(digest) from error
            yield Path(file.name)

    def get_prepared(self, key: str) -> bytes | None:
        """Return what was prepared under a key, or None if nothing was yet."""
        return self._read(f"prepared/{_place(key)}")

    def put_prepared(self, key: str, data: bytes) -> None:
        """Keep prepared bytes under a key of hex digits."""
        self._write(f"prepared/{_place(key)}", len(data), lambda file: _write_all(file, data))

    def prepared(self) -> Iterator[PreparedFile]:
        """Yield all that was prepared; a folder is not read ahead, so it may be of any size."""
        if self._folder is None:
            found = self._files.find(f"{self._root}/prepared", detail=True)
            for place, about in found.items():
                at = about.get("LastModified") or about.get("mtime") or about.get("created") or 0.0
                moment = at.timestamp() if isinstance(at, datetime) else float(at)
                yield PreparedFile(_key(place), int(about["size"]), moment)
            return
        for shelf in _entries(self._folder / "prepared"):
            for entry in _entries(Path(shelf)):
                # Another process may remove it between the two.
                with suppress(FileNotFoundError):
                    about = entry.stat()
                    yield PreparedFile(_key(entry.path), about.st_size, about.st_mtime)

    def remove_prepared(self, key: str) -> None:
        """Forget what was prepared under a key; it is prepared anew when it is needed."""
        self._remove(f"prepared/{_place(key)}")

    def _remove(self, place: str) -> None:
        """Remove a file, if it is there."""
        try:
            self._files.rm_file(f"{self._root}/{place}")
        except FileNotFoundError:
            return

    def _size(self, place: str) -> int | None:
        """Return the bytes of a stored file, or None."""
        try:
            if self._folder is not None:
                return (self._folder / place).stat().st_size
            with _asking():
                return int(self._files.size(f"{self._root}/{place}"))
        except FileNotFoundError:
            return None

    def _read(self, place: str) -> bytes | None:
        try:
            if self._folder is not None:
                # Without a buffer or a Path: half the time, and a request reads 20 files.
                with FileIO(f"{self._root}/{place}") as file:
                    return file.readall()
            with _asking():
                return bytes(self._files.cat_file(f"{self._root}/{place}"))
        except FileNotFoundError:
            return None

    def _write(self, place: str, size: int, fill: Callable[[BinaryIO], None]) -> None:
        """Write a file unless it is there whole; nobody ever sees half of it."""
        if self._size(place) == size:
            return
        if self._folder is None:
            # An object store shows an object only when all of it has arrived.
            with _asking(), self._files.open(f"{self._root}/{place}", "wb") as file:
                fill(file)
            return
        target = self._folder / place
        draft = target.with_name(f".{uuid4().hex}")
        try:
            with _created(draft) as file:
                fill(file)
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


@contextmanager
def _asking() -> Iterator[None]:
    """Raise MediaAway where an object store does not answer, whatever its driver raises then."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise MediaAway(
            f"the media store does not answer: {type(error).__name__}: {error}; it may be asked"
            " again later, and `gerbench doctor` looks at it"
        ) from error


def _created(path: Path) -> BinaryIO:
    """Open a new file for writing; its folder is made when it turns out to be missing."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def _place(digest: str) -> str:
    return f"{digest[:2]}/{digest[2:]}"


def _key(place: str) -> str:
    """Return the key of what lies at a place; the opposite of `_place`."""
    *_, shelf, name = place.split("/")
    return shelf + name


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder, if there is one."""
    try:
        with os.scandir(folder) as found:
            yield from found
    except FileNotFoundError:
        return


def _write_all(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _missing(digest: str) -> NotFound:
    return NotFound(
        f"medium {digest[:12]}… is not in the media store: import its dataset again, "
        "or point GERBENCH_MEDIA_URL to the store it was imported into"
    )
