"""Exports as bytes: CSV, JSON Lines, and the door to Parquet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, cast

import orjson

from core.exports.rows import COLUMNS, Row
from core.rules.tables import harmless
from core.vocabulary import ExportFormat


def written(batches: Iterable[Sequence[Row]], form: ExportFormat) -> Iterator[bytes]:
    """Yield the bytes of an export, chunk by chunk.

    Loads pyarrow when it is first asked for Parquet: 0.2 s and 60 MB that a service which exports
    none does not spend.
    """
    if form is ExportFormat.CSV:
        return _csv(batches)
    if form is ExportFormat.JSONL:
        return _jsonl(batches)
    module = import_module("core.exports.parquet")
    return cast("Iterator[bytes]", module.written(batches))


def _csv(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield CSV (RFC 4180); ranked labels are a JSON list in their field."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for batch in batches:
        writer.writerows([_field(value) for value in row] for row in batch)
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
    yield out.getvalue().encode()


def _field(value: Any) -> Any:
    """Return a value as a field: nothing is empty, text never a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    return harmless(value) if isinstance(value, str) else value


def _jsonl(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield JSON Lines."""
    for batch in batches:
        lines = (orjson.dumps(dict(zip(COLUMNS, row, strict=True))) for row in batch)
        yield b"".join(line + b"\n" for line in lines)
