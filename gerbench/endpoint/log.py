"""The request log: what was served, to whom, and whether it was paid for."""

import hashlib
from collections.abc import Sequence
from io import BufferedWriter
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel


class Entry(BaseModel):
    """One request, as it was served."""

    number: int
    """Counts from 0."""
    at: float
    """Seconds since the epoch, when it was decided what to reply."""
    key: str | None
    """The last four characters of the API key's SHA-256."""
    status: int | None
    """None: the connection was broken, or no reply was ever sent."""
    result: str
    """What it came to: answered, refused, length, rate_limited, rejected or the name of a fault."""
    finish_reason: str | None = None
    billed: bool = False
    """Whether the model ran for it: an answer was made, or usage was returned."""
    body: str = ""
    """SHA-256 of the request's body."""
    tries: int | None = None
    """How often the same body was let in before."""
    wire: str = "openai-chat"
    """The wire it came over; Azure's deployments are `azure-chat`."""
    batch: str | None = None
    """The batch that it was a line of."""
    names: Sequence[str] = ()
    images: Sequence[str] = ()
    """SHA-256 of each image's bytes, in order."""
    texts: Sequence[str] = ()
    """SHA-256 of each sample's text, in order; samples without text are left out."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class RequestLog:
    """Keeps every entry, and appends it to a file if there is one."""

    def __init__(self, path: Path | None) -> None:
        self._lines: list[bytes] = []
        self._file: BufferedWriter | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def add(self, **facts: Any) -> None:
        """Write one entry, at once: a reader of the file sees it before the client its reply."""
        entry = Entry(number=len(self._lines), **facts)
        line = orjson.dumps(entry.model_dump()) + b"\n"
        self._lines.append(line)
        if self._file is not None:
            self._file.write(line)
            self._file.flush()

    def lines(self) -> bytes:
        """Return all entries as JSON lines."""
        return b"".join(self._lines)

    def entries(self) -> list[Entry]:
        """Return all entries."""
        return [Entry.model_validate_json(line) for line in self._lines.copy()]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
