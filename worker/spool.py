"""Replies that were paid for, on disk while the database is away.

A process has one file, and only during an outage: JSON lines, each synced before the next group is
tried. It grows by the calls that were under way when the outage began and no more, since no call
leaves before its attempt is committed. Where the disk takes nothing either, replies wait in memory
alone, and a kill leaves their attempts unknown.
"""

import contextlib
import fcntl
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self
from uuid import UUID

import orjson
import structlog

from core.leases import Leased
from core.rules.readings import Exchange
from core.rules.strategy import Asked
from core.settling import Settlement
from core.vocabulary import Result

log = structlog.get_logger()

SUFFIX = ".jsonl"
UNREAD = ".unread"
"""Appended to the name of a file with a line that could not be used: for a person to look at."""


@dataclass(frozen=True)
class Reply:
    """What is needed to settle a request again."""

    attempt_id: int
    request: Leased
    owner: str
    """Who leased the request."""
    exchange: Exchange
    at: datetime

    @classmethod
    def of(cls, s: Settlement) -> Self | None:
        """Return the reply of a settlement, if one was heard."""
        if s.heard is None:
            return None
        return cls(s.heard.attempt_id, s.request, s.owner, s.heard.exchange, s.heard.at)

    def line(self) -> bytes:
        """Return it as a line of JSON."""
        exchange = asdict(self.exchange) | {"body": b64encode(self.exchange.body).decode()}
        return orjson.dumps(asdict(self) | {"exchange": exchange}) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Return a line as a reply. Raises ValueError, KeyError or TypeError for anything else."""
        said: dict[str, Any] = orjson.loads(line)
        request, exchange = said["request"], said["exchange"]
        failure = exchange["failure"]
        return cls(
            said["attempt_id"],
            Leased(
                request["id"],
                UUID(request["run_id"]),
                tuple(request["sample_ids"]),
                request["attempts"],
                Asked(**request["asked"]),
                is_part=request.get("is_part", False),
                canary=request.get("canary", False),
            ),
            said["owner"],
            Exchange(
                exchange["status"],
                exchange["headers"],
                b64decode(exchange["body"], validate=True),
                exchange["latency_s"],
                None if failure is None else Result(failure),
                exchange["error"],
                connected=exchange.get("connected", True),
            ),
            datetime.fromisoformat(said["at"]),
        )


class Spool:
    """The file of this process. One thread writes it."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.path = folder / f"{owner.replace(':', '-')}{SUFFIX}"
        self._file: IO[bytes] | None = None

    def keep(self, settlements: Iterable[Settlement]) -> None:
        """Write the replies of some settlements to disk. Raises OSError when it takes none."""
        lines = [reply.line() for s in settlements if (reply := Reply.of(s))]
        if not lines:
            return
        self._file = self._file or self._opened()
        size = self._file.seek(0, os.SEEK_END)
        try:
            _write(self._file, b"".join(lines))
        except OSError:
            # What is written next must not follow half a line.
            self._file.truncate(size)
            raise

    def _opened(self) -> IO[bytes]:
        """Return the file, locked before others can see it: the lock says that its owner lives."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        hidden = self.path.with_suffix(".new")
        # Without a buffer: what a full disk refused must not be tried again behind our back.
        file = hidden.open("ab", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(self.path)
        _sync(self.path.parent)
        return file

    def clear(self) -> None:
        """Remove the file: all that is in it has been stored."""
        if self._file is not None:
            self.path.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Let go of the file; what is in it is for whoever works on this folder next."""
        if self._file is not None:
            self._file.close()
            self._file = None


@dataclass(frozen=True)
class Left:
    """The file of a process that is gone, locked by this one."""

    path: Path

    def replies(self) -> tuple[list[Reply], bool]:
        """Return what can be read, and whether that is all of it.

        A process that dies as it writes leaves a torn last line.
        """
        found, whole = [], True
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                found.append(Reply.read(line))
            except (ValueError, KeyError, TypeError) as error:
                whole = False
                log.warning(
                    "a reply in the spool cannot be read; its attempt stays unknown",
                    file=str(self.path),
                    line=number,
                    error=str(error),
                )
        return found, whole

    def done(self, *, whole: bool) -> None:
        """Remove the file; one that could not be used wholly is put aside."""
        if whole:
            self.path.unlink(missing_ok=True)
        else:
            self.path.rename(self.path.with_name(self.path.name + UNREAD))


def left_behind(folder: Path) -> Iterator[Left]:
    """Yield the files of processes that are gone, each locked for as long as it is looked at."""
    for path in files(folder):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            # BlockingIOError: its owner lives, or another process is storing it.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                yield Left(path)


def files(folder: Path) -> Sequence[Path]:
    """Return the files of a spool, whosever they are; none where there is no folder."""
    return sorted(folder.glob(f"*{SUFFIX}"))


@dataclass(frozen=True)
class Waiting:
    """What waits in a spool for the database."""

    replies: int
    bytes: int


def waiting(folder: Path) -> Waiting:
    """Return how much waits in a folder's spool, of all its processes."""
    texts = []
    for path in files(folder):
        with contextlib.suppress(FileNotFoundError):
            texts.append(path.read_bytes())
    return Waiting(sum(text.count(b"\n") for text in texts), sum(map(len, texts)))


def size_of(folder: Path) -> int:
    """Return the bytes in a folder's spool, of all its processes, of what was put aside too."""
    size = 0
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def _write(file: IO[bytes], data: bytes) -> None:
    """Write all of it, and see that it is on the disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """See to it that a new name in a folder survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
