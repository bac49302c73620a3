"""Archives from strangers: unpacked into a temporary folder, or refused."""

import errno
import gzip
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from core.errors import InvalidArchive
from core.imports.files import hidden

CHUNK = 1 << 18
MAX_READ = 1 << 20
"""Longest piece read at once; a tar header that asks for more is an attack."""
LONGEST_PATH = 2048
LONGEST_NAME = 255
DRIVE_AT = 1
"""Where the colon of a Windows drive stands."""


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may unpack to."""

    files: int = 1_000_000
    total_bytes: int = 20 * 10**9
    ratio: int = 200
    """Unpacked bytes for one packed byte."""
    ratio_from: int = 50_000_000
    """Unpacked bytes from which on the ratio counts: small archives may be mostly blank."""


@dataclass
class _Meter:
    """Counts what really comes out of an archive; its headers are not believed."""

    limits: ArchiveLimits
    packed: int
    entries: int = 0
    unpacked: int = 0

    def entry(self) -> None:
        self.entries += 1
        if self.entries > self.limits.files:
            raise InvalidArchive(
                f"the archive holds more than {self.limits.files:,} files: split it, "
                "or import the folder itself"
            )

    def count(self, size: int) -> None:
        self.unpacked += size
        if self.unpacked > self.limits.total_bytes:
            raise InvalidArchive(
                f"the archive unpacks to more than {self.limits.total_bytes / 1e9:g} GB: split it, "
                "or import the folder itself"
            )
        allowed = max(self.limits.ratio_from, self.limits.ratio * self.packed)
        if self.unpacked > allowed:
            raise InvalidArchive(
                f"the archive unpacks to more than {self.limits.ratio} times its size, as a zip "
                "bomb does: pack it with less compression, or import the folder itself"
            )


@contextmanager
def unpacked(
    archive: Path | BinaryIO, limits: ArchiveLimits | None = None, scratch: Path | None = None
) -> Iterator[Path]:
    """Lend a folder with the files of a zip, tar or tar.gz; it is gone afterwards.

    Refused with InvalidArchive: absolute paths, `..`, links, devices, encryption, two entries of
    one name, and more files or bytes than the limits allow, counted while they come out.
    """
    if isinstance(archive, Path):
        with archive.open("rb") as file, unpacked(file, limits, scratch) as folder:
            yield folder
        return
    archive.seek(0, os.SEEK_END)
    meter = _Meter(limits or ArchiveLimits(), packed=archive.tell())
    with tempfile.TemporaryDirectory(dir=scratch, prefix="import-") as name:
        try:
            _unpack(archive, Path(name), meter)
        except (
            zipfile.BadZipFile,
            tarfile.TarError,
            gzip.BadGzipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            ValueError,
            struct.error,
        ) as error:
            raise InvalidArchive(f"the archive is damaged or cut off: {error}") from error
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise InvalidArchive("the archive holds two entries of the same name") from error
        except OSError as error:
            # A header that points to before the start; a full disk is not the archive's fault.
            if error.errno != errno.EINVAL:
                raise
            raise InvalidArchive(f"the archive is damaged: {error}") from error
        yield Path(name)


def _unpack(file: BinaryIO, folder: Path, meter: _Meter) -> None:
    file.seek(0)
    start = file.read(512)
    file.seek(0)
    if start[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        _unpack_zip(file, folder, meter)
    elif start[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=file) as inner:
            _unpack_tar(cast("BinaryIO", inner), folder, meter)
    elif start[257:262] == b"ustar":
        _unpack_tar(file, folder, meter)
    else:
        raise InvalidArchive(
            "the file is neither a zip nor a tar or tar.gz archive: pack the dataset as one"
        )


def _unpack_zip(file: BinaryIO, folder: Path, meter: _Meter) -> None:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            meter.entry()
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _special(entry.filename)
            target = _target(folder, entry.filename)
            if entry.flag_bits & 1:
                raise InvalidArchive("the archive is encrypted: pack it without a password")
            if target is not None and not entry.is_dir():
                with archive.open(entry) as source:
                    _copy(source, target, meter)


def _unpack_tar(file: BinaryIO, folder: Path, meter: _Meter) -> None:
    with tarfile.open(fileobj=cast("BinaryIO", _Guarded(file)), mode="r:") as archive:
        while (entry := archive.next()) is not None:
            meter.entry()
            # What has been read is not needed again: a million members take a gigabyte.
            archive.members.clear()  # type: ignore[attr-defined]  # the stubs lack it
            if entry.issparse() or not (entry.isreg() or entry.isdir()):
                raise _special(entry.name)
            target = _target(folder, entry.name)
            source = archive.extractfile(entry) if entry.isreg() else None
            if source is not None:
                _copy(source, target, meter)


class _Guarded:
    """A file that refuses to be read in pieces so large that only a lying header asks for them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise InvalidArchive("the archive has a header of absurd size: pack it again")
        return self._file.read(size)


def _target(folder: Path, name: str) -> Path | None:
    """Return where an entry goes, or None for files that no dataset means to hold."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or name[DRIVE_AT : DRIVE_AT + 1] == ":":
        raise InvalidArchive(
            f"the archive reaches outside itself: {name!r}; pack it with relative paths"
        )
    if len(name) > LONGEST_PATH or any(len(os.fsencode(p)) > LONGEST_NAME for p in path.parts):
        raise InvalidArchive(f"the archive holds a name that is too long: {name[:80]!r}…")
    if any(hidden(part) for part in path.parts):
        return None
    return folder / path


def _copy(source: IO[bytes], target: Path | None, meter: _Meter) -> None:
    """Write one file, counting its bytes; one that is not wanted is counted all the same."""
    if target is None:
        while piece := source.read(CHUNK):
            meter.count(len(piece))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while piece := source.read(CHUNK):
            meter.count(len(piece))
            file.write(piece)


def _special(name: str) -> InvalidArchive:
    return InvalidArchive(
        f"the archive holds a link or a device: {name!r}; pack the files themselves"
    )
