"""What published predictions are imported from: an archive, or the two files of one dataset."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile

from api.deps import get_app_settings
from api.uploads import FIELDS, MULTIPART, bounded, fault
from core.imports.archive import unpacked
from core.rules.specs import Name

DEFAULT_MODEL = "gpt-4v"
_NAME = TypeAdapter(Name)

_FILE = {"type": "string", "format": "binary"}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {
                    "archive": {
                        **_FILE,
                        "description": "A zip, tar or tar.gz of folders named as datasets, each"
                        " with label.csv and label-<system>.csv",
                    },
                    "dataset": {"type": "string", "description": "With `labels` and `answers`"},
                    "labels": {**_FILE, "description": "`label.csv` of one dataset"},
                    "answers": {**_FILE, "description": "Such as `label-gpt4v-3.csv`"},
                    "model": {
                        "type": "string",
                        "default": DEFAULT_MODEL,
                        "description": "What made the predictions; shown as their model",
                    },
                },
            }
        }
    },
}
"""The request body: `archive`, or `dataset` with `labels` and `answers`."""


@dataclass(frozen=True)
class Upload:
    """Published predictions on their way in."""

    model: str
    archive: UploadFile | None
    dataset: str = ""
    files: tuple[UploadFile, ...] = ()


async def read_release(request: Request) -> AsyncIterator[Upload]:
    """Read an import from a form, whose files go to disk as they come."""
    settings = get_app_settings(request)
    if not request.headers.get("content-type", "").startswith(MULTIPART):
        raise RequestValidationError([fault("", f"send the import as {MULTIPART}")])
    async with bounded(request, settings).form(max_files=FIELDS, max_fields=FIELDS) as form:
        yield _upload(form)


ReleaseDep = Annotated[Upload, Depends(read_release)]


@contextmanager
def unfolded(upload: Upload, scratch: Path) -> Iterator[Path]:
    """Lend a folder that is laid out as published predictions are."""
    if upload.archive is not None:
        with unpacked(upload.archive.file, scratch=scratch) as folder:
            yield folder
        return
    with TemporaryDirectory(dir=scratch, prefix="import-") as name:
        folder = Path(name) / upload.dataset
        folder.mkdir()
        for file in upload.files:
            with (folder / PurePosixPath(file.filename or "").name).open("wb") as target:
                copyfileobj(file.file, target)
        yield Path(name)


def _upload(form: FormData) -> Upload:
    model, archive = form.get("model", DEFAULT_MODEL), form.get("archive")
    try:
        model = _NAME.validate_python(model)
    except ValidationError as error:
        raise RequestValidationError([fault("model", error.errors()[0]["msg"])]) from error
    if isinstance(archive, UploadFile):
        return Upload(model, archive)
    files = tuple(form.get(field) for field in ("labels", "answers"))
    try:
        dataset = _NAME.validate_python(form.get("dataset"))
    except ValidationError as error:
        reason = "send an archive, or dataset, labels and answers"
        raise RequestValidationError([fault("archive", reason)]) from error
    named = tuple(file for file in files if isinstance(file, UploadFile) and _is_csv(file))
    if len(named) < len(files):
        raise RequestValidationError([fault("answers", "send labels and answers as .csv files")])
    return Upload(model, None, dataset, named)


def _is_csv(file: UploadFile) -> bool:
    return PurePosixPath(file.filename or "").name.lower().endswith(".csv")
