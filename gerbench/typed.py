"""What the typed clients share: what they send, and how what comes back becomes a table."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast
from uuid import uuid4

from core.bodies.work import JobBody
from core.rules.states import Status
from gerbench.packing import pack
from gerbench.peer import ClientError, Json, given

MOVING = frozenset({Status.QUEUED, Status.RUNNING})
"""A job that stands here goes on by itself."""
INTERVAL_S = 0.5

Told = Callable[[JobBody], None]
"""Is told how a job is, again and again."""


def submission(
    dataset: str, models: str | Sequence[str], conditions: Mapping[str, Any] | None, more: Json
) -> Json:
    """Return the body of a job; one model, and one value of a condition, need no list."""
    crossed = {
        name: value if isinstance(value, list | tuple) else [value]
        for name, value in (conditions or {}).items()
    }
    names = [models] if isinstance(models, str) else list(models)
    return {"dataset": dataset, "models": names, "conditions": crossed, **given(more)}


def once(idempotency_key: str | None) -> Json:
    """Return the header with which a submission that is sent again makes no second job."""
    return {"Idempotency-Key": idempotency_key or uuid4().hex}


def form(spec: Mapping[str, Any], *, skip_faulty: bool) -> dict[str, str]:
    """Return the form of an import, beside its file."""
    fields = {"spec": json.dumps(dict(spec))}
    return {**fields, "skip_faulty": "true"} if skip_faulty else fields


def archive(source: Path | str) -> tuple[BinaryIO, str]:
    """Return an open file to import and its name; a folder is packed into one that nobody sees."""
    place = Path(source)
    if place.is_file():
        return place.open("rb"), place.name
    packed = cast("BinaryIO", TemporaryFile())  # noqa: SIM115 - whoever sends it closes it
    pack(place, packed, lambda _: None)
    packed.seek(0)
    return packed, f"{place.resolve().name}.tar"


def teller(progress: bool | Told) -> Told:  # noqa: FBT001 - it is what people write
    """Return who is told of a job's progress: a function, standard error, or nobody."""
    if callable(progress):
        return progress
    return _write if progress else lambda _: None


def _write(job: JobBody) -> None:
    """Say on standard error how far a job has got."""
    done = job.progress.samples - job.progress.pending
    left = "" if job.eta_seconds is None else f", {job.eta_seconds:.0f} s to go"
    ending = "\r" if job.status in MOVING and sys.stderr.isatty() else "\n"
    line = f"{job.status} {done}/{job.progress.samples} samples{left}"
    sys.stderr.write(line.ljust(60) + ending)
    sys.stderr.flush()


def frame(library: str, parquet: BytesIO) -> Any:
    """Return an export as a frame of a library. Raises ClientError where that is not installed."""
    try:
        module = import_module(library)
    except ModuleNotFoundError as error:
        raise ClientError(
            f"this needs {library}, which is not installed: pip install {library}"
        ) from error
    parquet.seek(0)
    return module.read_parquet(parquet)
