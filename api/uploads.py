"""What a dataset is imported from: an upload on its way to disk, or a place on this machine."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Annotated, Any, BinaryIO
from urllib.parse import unquote, urlsplit

import orjson
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message, Receive

from api.deps import get_app_settings
from api.schemas.datasets import EXAMPLE, DatasetImport
from core.errors import Forbidden, InvalidInput, TooLarge
from core.imports import manifest
from core.imports.layouts import DatasetDraft
from core.settings import Settings

MULTIPART = "multipart/form-data"
JSON = "application/json"
FIELDS = 8
"""Fields and files that a form may have; three are known."""

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        MULTIPART: {
            "schema": {
                "type": "object",
                "required": ["spec", "archive"],
                "properties": {
                    "spec": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": "#/components/schemas/DatasetDraft"},
                        "description": "The spec as JSON; `labels` and `modality` may be left out",
                    },
                    "archive": {
                        "type": "string",
                        "format": "binary",
                        "description": "A zip, tar or tar.gz; or a .csv or .jsonl with all texts",
                    },
                    "skip_faulty": {"type": "boolean", "default": False},
                },
            }
        },
        JSON: {
            "schema": {"$ref": "#/components/schemas/DatasetImport"},
            "example": {"spec": EXAMPLE, "source": "file:///srv/datasets/my-faces"},
        },
    },
}
"""The request body of an import, which may come in two forms."""


@dataclass(frozen=True)
class Import:
    """What is to be imported."""

    draft: DatasetDraft
    source: Path | UploadFile
    skip_faulty: bool


async def read_import(request: Request) -> AsyncIterator[Import]:
    """Read an import from a form, whose file goes to disk as it comes, or from JSON."""
    settings = get_app_settings(request)
    kind = request.headers.get("content-type", "")
    if not kind.startswith(MULTIPART):
        yield _from_json(await request.body(), kind, settings)
        return
    async with bounded(request, settings).form(max_files=FIELDS, max_fields=FIELDS) as form:
        yield _from_form(form)


ImportDep = Annotated[Import, Depends(read_import)]


@contextmanager
def opened(upload: Import, scratch: Path) -> Iterator[Path | BinaryIO]:
    """Lend what the import use case reads; an uploaded manifest becomes a file of its kind."""
    if isinstance(upload.source, Path):
        yield upload.source
        return
    suffix = Path(upload.source.filename or "").suffix.lower()
    if suffix not in manifest.SUFFIXES:
        yield upload.source.file
        return
    with TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / f"manifest{suffix}"
        with path.open("wb") as file:
            copyfileobj(upload.source.file, file)
        yield path


def bounded(request: Request, settings: Settings) -> Request:
    """Return a request whose body ends in TooLarge once it is larger than an upload may be."""
    limit = int(settings.max_upload_gb * 1e9)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(settings)
    return Request(request.scope, _bounded(request.receive, limit, settings))


def _bounded(receive: Receive, limit: int, settings: Settings) -> Receive:
    """Return a `receive` that stops an upload once it is too large, whatever was announced."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(settings)
        return message

    return counted


def _too_large(settings: Settings) -> TooLarge:
    return TooLarge(
        f"the upload is larger than {settings.max_upload_gb:g} GB: put it below one of the import "
        "roots and import it by its path, or raise GERBENCH_MAX_UPLOAD_GB"
    )


def _from_form(form: FormData) -> Import:
    spec, archive, skip = form.get("spec"), form.get("archive"), form.get("skip_faulty", "false")
    faults = []
    if not isinstance(spec, str):
        faults.append(fault("spec", "send the dataset's spec as JSON in this form field"))
    if not isinstance(archive, UploadFile):
        faults.append(fault("archive", "send the dataset as a file in this form field"))
    if skip not in {"true", "false"}:
        faults.append(fault("skip_faulty", "is true or false"))
    if faults or not isinstance(spec, str) or not isinstance(archive, UploadFile):
        raise RequestValidationError(faults)
    try:
        draft = DatasetDraft.model_validate_json(spec)
    except ValidationError as error:
        raise _invalid(error, "body", "spec") from error
    return Import(draft, archive, skip == "true")


def _from_json(body: bytes, kind: str, settings: Settings) -> Import:
    if not kind.startswith(JSON):
        reason = f"send the import as {MULTIPART} or {JSON}"
        raise RequestValidationError([fault("", reason)], body=body)
    try:
        wanted = DatasetImport.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        broken = {"type": "json_invalid", "loc": ("body", error.pos), "ctx": {"error": error.msg}}
        raise RequestValidationError([broken]) from error
    except ValidationError as error:
        raise _invalid(error, "body") from error
    return Import(wanted.spec, _allowed(wanted.source, settings), wanted.skip_faulty)


def _allowed(source: str, settings: Settings) -> Path:
    """Return the path of a file:// URL, if it is below one of the import roots."""
    try:
        url = urlsplit(source)
    except ValueError as error:
        raise InvalidInput(f"{source!r} is not a URL; send file:///…") from error
    if url.scheme != "file" or url.netloc not in {"", "localhost"}:
        raise InvalidInput(f"{source!r} cannot be read; send file:///…, or upload an archive")
    if not settings.import_roots:
        raise Forbidden(
            "this service reads no folders by their path: upload an archive, or let its operator "
            "name the folders that may be read in GERBENCH_IMPORT_ROOTS"
        )
    path = Path(unquote(url.path)).resolve()
    if not any(path.is_relative_to(root.resolve()) for root in settings.import_roots):
        roots = ", ".join(str(root) for root in settings.import_roots)
        raise Forbidden(f"{path} is not below an import root; these are {roots}")
    return path


def fault(field: str, reason: str) -> dict[str, Any]:
    """Return what is wrong with a field of a form, as FastAPI tells it."""
    return {"type": "missing", "loc": ("body", field), "msg": reason}


def _invalid(error: ValidationError, *place: str) -> RequestValidationError:
    """Return the fault that FastAPI would have found in a body it reads itself."""
    return RequestValidationError(
        [
            # That a form's field is not JSON does not mean that the body is not.
            {"type": "value_error", "loc": (*place, *each["loc"]), "msg": each["msg"]}
            for each in error.errors(include_url=False, include_context=False)
        ]
    )
