"""Where media rest: files named by what is in them, in a folder or behind any fsspec URL."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import fsspec

from core.errors import MediaAway, NotFound

CHUNK = 1 << 20
"""Bytes read at a time from a remote file."""
RENEWED_AFTER_S = 3600.0
"""An object that is put again is written anew from this age on, so that its age tells of it."""
SHELF = 2
"""Characters of a key that name the folder of its file."""


@dataclass(frozen=True)
class StoredFile:
    """A file: its key, its bytes, and when it was last put, in seconds since the epoch."""

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
        self._renew(_place(digest), len(data), lambda file: _write_all(file, data))
        return digest

    def put_file(self, path: Path, digest: str) -> None:
        """Store a file whose digest is known, without holding it in memory."""

        def copy(target: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target, CHUNK)

        self._renew(_place(digest), path.stat().st_size, copy)

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

    def media(self) -> Iterator[StoredFile]:
        """Yield all media; a folder is not read ahead, so it may be of any size."""
        return self._files_in("")

    def prepared(self) -> Iterator[StoredFile]:
        """Yield all that was prepared, as `media` does."""
        return self._files_in("prepared/")

    def _files_in(self, part: str) -> Iterator[StoredFile]:
        """Yield the files of a part of the store."""
        if self._folder is None:
            found = self._files.find(f"{self._root}/{part}".rstrip("/"), detail=True)
            for place, about in found.items():
                shelf, _, name = place.removeprefix(f"{self._root}/{part}").partition("/")
                if len(shelf) == SHELF and "/" not in name:
                    yield StoredFile(shelf + name, int(about["size"]), _moment(about))
            return
        for of_all in _entries(self._folder / part):
            for entry in _entries(Path(of_all)) if len(of_all.name) == SHELF else ():
                # Another process may remove it between the two.
                with suppress(FileNotFoundError):
                    about = entry.stat()
                    yield StoredFile(of_all.name + entry.name, about.st_size, about.st_mtime)

    def remove_old(self, digest: str, *, before: float) -> bool:
        """Remove a medium that was last put before a moment; tell whether it did.

        In a folder it stays if somebody puts it at this very moment; object stores cannot tell.
        """
        place = _place(digest)
        if self._folder is None:
            self._remove(place)
            return True
        file = self._folder / place
        aside = file.with_name(f".{uuid4().hex}")
        try:
            file.rename(aside)
        except FileNotFoundError:
            return False
        if aside.stat().st_mtime >= before:
            aside.rename(file)
            return False
        aside.unlink()
        return True

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

    def _renew(self, place: str, size: int, fill: Callable[[BinaryIO], None]) -> None:
        """Write a file, or let the one that is there be as new: somebody is about to name it."""
        if self._folder is not None:
            with suppress(FileNotFoundError):
                os.utime(self._folder / place)
            self._write(place, size, fill)
        elif not self._is_new(place, size):
            self._put_object(place, fill)

    def _write(self, place: str, size: int, fill: Callable[[BinaryIO], None]) -> None:
        """Write a file unless it is there whole; nobody ever sees half of it."""
        if self._size(place) == size:
            return
        if self._folder is None:
            self._put_object(place, fill)
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

    def _put_object(self, place: str, fill: Callable[[BinaryIO], None]) -> None:
        """Write an object; a store shows it only when all of it has arrived."""
        with _asking(), self._files.open(f"{self._root}/{place}", "wb") as file:
            fill(file)

    def _is_new(self, place: str, size: int) -> bool:
        """Tell whether an object is there whole, and was put just now."""
        try:
            with _asking():
                about = self._files.info(f"{self._root}/{place}")
        except FileNotFoundError:
            return False
        return int(about["size"]) == size and time.time() - _moment(about) < RENEWED_AFTER_S


def _moment(about: Mapping[str, Any]) -> float:
    """Return when a file was put, as its store tells it; 0 if it does not."""
    at = about.get("LastModified") or about.get("mtime") or about.get("created") or 0.0
    return at.timestamp() if isinstance(at, datetime) else float(at)


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
    return f"{digest[:SHELF]}/{digest[SHELF:]}"


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
