"""OpenAI's batch mode on the wire: files of requests, batches of them, and lines of results. Pure.

Its calls are made in `batch_api`; what a result says is read by the adapter of the model's wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from core.providers.adapters import Adapter
from core.rules.readings import Exchange, Reading
from core.vocabulary import Result

WITHDRAWN = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of lines that the batch never came to."""
TIMEOUTS = frozenset({"request_timeout"})
METADATA = "gerbench_batch"
"""The key under which a batch at the provider carries our id."""
WINDOW = "24h"
LONGEST_NAME = 255
PART = (
    b"--%(boundary)s\r\n"
    b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b"--%(boundary)s\r\n"
    b'Content-Disposition: form-data; name="file"; filename="%(name)s"\r\n'
    b"Content-Type: application/jsonl\r\n\r\n"
)


@dataclass(frozen=True)
class LineFault:
    """Why a batch as a whole, or because of one of its lines, was turned away."""

    code: str
    message: str
    line: int | None
    """From 1; None where it is about no line."""


@dataclass(frozen=True)
class RemoteBatch:
    """A batch as its provider shows it."""

    id: str
    status: str
    output_file_id: str | None
    error_file_id: str | None
    total: int
    completed: int
    failed: int
    expires_at: float | None
    """Seconds since the epoch."""
    ours: str | None
    """Our id, from its metadata."""
    faults: tuple[LineFault, ...]


@dataclass(frozen=True)
class ResultLine:
    """A line of a result file, read."""

    reading: Reading
    exchange: Exchange
    """With the whole line, verbatim, as its body."""


def line(custom_id: int, url: str, content: bytes) -> bytes:
    """Return a request as a line of a file; the body's bytes go in as they are."""
    head = b'{"custom_id":"%d","method":"POST","url":"%s","body":' % (custom_id, url.encode())
    return head + content + b"}\n"


def form(name: str, boundary: str) -> tuple[bytes, bytes]:
    """Return what stands before and after a file's bytes in the form that uploads it."""
    values = {b"boundary": boundary.encode(), b"name": name.encode()}
    return PART % values, b"\r\n--%s--\r\n" % boundary.encode()


def creation(file_id: str, url: str, ours: str) -> bytes:
    """Return the body that creates a batch of an uploaded file."""
    return orjson.dumps(
        {
            "input_file_id": file_id,
            "endpoint": url,
            "completion_window": WINDOW,
            "metadata": {METADATA: ours},
        }
    )


def named(document: object) -> str | None:
    """Return the id of an object that the provider made, or None where it made none."""
    identity = _mapping(document).get("id")
    good = isinstance(identity, str) and 0 < len(identity) <= LONGEST_NAME
    return identity if good else None


def remote(document: object) -> RemoteBatch | None:
    """Return a batch from what the provider says of it, or None where that is none."""
    told = _mapping(document)
    identity, status = named(told), told.get("status")
    if identity is None or not isinstance(status, str):
        return None
    counts, expires = _mapping(told.get("request_counts")), told.get("expires_at")
    errors = _mapping(told.get("errors")).get("data")
    return RemoteBatch(
        identity,
        status[:64],
        _text(told.get("output_file_id")),
        _text(told.get("error_file_id")),
        _count(counts.get("total")),
        _count(counts.get("completed")),
        _count(counts.get("failed")),
        expires_at=float(expires) if isinstance(expires, int | float) else None,
        ours=_text(_mapping(told.get("metadata")).get(METADATA)),
        faults=tuple(_fault(each) for each in errors) if isinstance(errors, list) else (),
    )


def custom_id(content: bytes) -> str | None:
    """Return what a line of a result file is about, or None for one that cannot be read."""
    identity = _mapping(_decoded(content)).get("custom_id")
    return identity if isinstance(identity, str) else None


def result(content: bytes, adapter: Adapter, *, sent_at: datetime, now: datetime) -> ResultLine:
    """Return a line of a result file, read. Never raises, whatever the bytes.

    A line holds a reply of the model's wire with its status, or else an error of the batch's own.
    """
    document = _mapping(_decoded(content))
    response, error = (_mapping(document.get(name)) for name in ("response", "error"))
    latency_s = max(0.0, (now - sent_at).total_seconds())
    status = response.get("status_code")
    if not isinstance(status, int) or error:
        return ResultLine(_unreplied(error), Exchange(None, {}, content, latency_s))
    headers = {"x-request-id": str(response.get("request_id"))}
    exchange = Exchange(status, headers, orjson.dumps(response.get("body")), latency_s)
    return ResultLine(adapter.read(exchange, now=now), replace(exchange, body=content))


def _unreplied(error: Mapping[str, Any]) -> Reading:
    """Return what a line without a reply means."""
    code, message = str(error.get("code")), error.get("message")
    words = message if isinstance(message, str) and message else f"no reply: {code}"
    if code in WITHDRAWN:
        return Reading(Result.WITHDRAWN, reason=words)
    if code in TIMEOUTS:
        return Reading(Result.TIMEOUT, reason=words)
    return Reading(Result.SERVER_ERROR, reason=words)


def _fault(entry: object) -> LineFault:
    told = _mapping(entry)
    number = told.get("line")
    return LineFault(
        str(told.get("code")),
        str(told.get("message")),
        number if isinstance(number, int) and number > 0 else None,
    )


def _decoded(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0
