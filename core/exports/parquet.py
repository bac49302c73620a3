"""Exports as Parquet; loaded by `core.exports.forms` when the first one is asked for."""

import io
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from pyarrow import parquet as pq
from typing_extensions import Buffer

from core.exports.rows import COLUMNS, Row

GROUP = 20_000
"""Rows of a row group: what is held in memory until it is written."""

WORD = pa.dictionary(pa.int32(), pa.string())
"""Text that is the same in many rows, stored once."""
TYPES = {
    "run_id": WORD,
    "dataset": WORD,
    "model": WORD,
    "modality": WORD,
    "template": WORD,
    "frames": pa.int32(),
    "color": WORD,
    "detail": WORD,
    "repeat": pa.int32(),
    "sample_id": pa.int64(),
    "sample": pa.string(),
    "target": WORD,
    "target_number": pa.float64(),
    "outcome": WORD,
    "label": WORD,
    "in_vocabulary": pa.bool_(),
    "ranked": pa.list_(pa.string()),
    "rank": pa.int32(),
    "slot": pa.int32(),
    "batch": pa.int32(),
    "request_id": pa.int64(),
    "attempt_id": pa.int64(),
}
SCHEMA = pa.schema([(name, TYPES[name]) for name in COLUMNS])


class Outlet(io.RawIOBase):
    """A file that keeps what was written until it is taken, and counts on; never read back."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._place = 0

    def writable(self) -> bool:
        """Tell that it is for writing."""
        return True

    def tell(self) -> int:
        """Return the place in the whole file: Parquet refers to bytes by it."""
        return self._place

    def write(self, data: Buffer) -> int:
        """Keep some bytes."""
        size = memoryview(data).nbytes
        self._held += data
        self._place += size
        return size

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._held = bytes(self._held), bytearray()
        return taken


def written(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield a Parquet file, group by group."""
    out = Outlet()
    with pq.ParquetWriter(out, SCHEMA, compression="zstd") as writer:
        for group in _grouped(batches):
            writer.write_table(group)
            yield out.take()
    yield out.take()


def _grouped(batches: Iterable[Sequence[Row]]) -> Iterator[pa.Table]:
    """Yield tables of about GROUP rows; a batch becomes compact as soon as it is read."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        columns = zip(*batch, strict=True)
        arrays = [pa.array(column, type=SCHEMA.field(at).type) for at, column in enumerate(columns)]
        held.append(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
        if sum(each.num_rows for each in held) >= GROUP:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
