"""The files API: what was uploaded for a batch, and what a batch wrote."""

import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from gerbench.endpoint.wire import WireError, json_response

MEGABYTE = 1_000_000
MAX_FILE_MB = 200
"""Of a file for a batch, as the provider's documentation has it."""
KEPT_S = 30 * 86_400
"""Files for batches end by themselves after 30 days."""
CHUNK = 2**20

FileObject = dict[str, Any]


def no_such_file(name: str) -> WireError:
    """Return the 404 for a file that is not there."""
    return WireError(404, f"No such File object: {name}", result="no_file", param="id")


class Files:
    """The files of an endpoint, on disk for as long as it lives."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="gerbench-endpoint-")
        self._objects: dict[str, FileObject] = {}

    def close(self) -> None:
        """Delete every file."""
        self._folder.cleanup()

    def add(self, name: str, purpose: str, chunks: Iterable[bytes]) -> FileObject:
        """Keep a file and return its description."""
        identity, size = f"file-{secrets.token_hex(12)}", 0
        with self.path(identity).open("wb") as file:
            for chunk in chunks:
                size += file.write(chunk)
        now = int(time.time())
        self._objects[identity] = {
            "id": identity,
            "object": "file",
            "bytes": size,
            "created_at": now,
            "expires_at": now + KEPT_S,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            "status_details": None,
        }
        return self._objects[identity]

    def path(self, identity: str) -> Path:
        """Return where a file lies."""
        return Path(self._folder.name) / identity

    def get(self, identity: str) -> FileObject:
        """Return the description of a file, or raise the 404."""
        if identity not in self._objects:
            raise no_such_file(identity)
        return self._objects[identity]

    async def upload(self, request: Request) -> FileObject:
        """Keep what a form holds; the file itself is spooled to disk on its way."""
        async with request.form() as form:
            purpose, file = form.get("purpose"), form.get("file")
            if not isinstance(file, UploadFile):
                raise missing("file")
            if not isinstance(purpose, str):
                raise missing("purpose")
            self._check(purpose, file)
            return self.add(file.filename or "upload", purpose, iter(lambda: _read(file), b""))

    def _check(self, purpose: str, file: UploadFile) -> None:
        """Refuse what a batch could not be made of."""
        if purpose != "batch":
            raise WireError(
                400,
                f"Invalid value: '{purpose}'. Supported values are: 'batch'.",
                result="rejected",
                param="purpose",
                code="invalid_value",
            )
        if not (file.filename or "").endswith(".jsonl"):
            raise WireError(
                400, "Invalid file format for Batch API. Must be .jsonl", result="rejected"
            )
        if (file.size or 0) > MAX_FILE_MB * MEGABYTE:
            raise WireError(
                413,
                f"File is too large. Maximum size for a batch file is {MAX_FILE_MB} MB.",
                result="too_large",
            )

    def listed(self) -> Response:
        """Return all files, the newest first."""
        return JSONResponse(page(list(reversed(self._objects.values())), None, len(self._objects)))

    def shown(self, request: Request) -> Response:
        """Return one file's description."""
        return json_response(self.get(request.path_params["id"]), 200, {})

    def content(self, request: Request) -> Response:
        """Return a file's bytes."""
        found = self.get(request.path_params["id"])
        return FileResponse(self.path(found["id"]), media_type="application/octet-stream")

    def delete(self, request: Request) -> Response:
        """Forget a file."""
        identity = self.get(request.path_params["id"])["id"]
        del self._objects[identity]
        self.path(identity).unlink()
        return JSONResponse({"id": identity, "object": "file", "deleted": True})


def missing(name: str) -> WireError:
    """Return the 400 for a parameter that is not there."""
    return WireError(
        400,
        f"Missing required parameter: '{name}'.",
        result="rejected",
        param=name,
        code="missing_required_parameter",
    )


def page(objects: list[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """Return a page of a list, as the provider cuts them."""
    ids = [each["id"] for each in objects]
    start = ids.index(after) + 1 if after in ids else 0
    shown = objects[start : start + limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + limit < len(objects),
    }


def _read(file: UploadFile) -> bytes:
    return file.file.read(CHUNK)
