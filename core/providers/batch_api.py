"""Calls to a provider's batch mode. Each returns what it is for, or raises `BatchFault`."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import orjson

from core.providers import openai_batch
from core.providers.adapters import Adapter
from core.providers.client import ProviderClient, Upload
from core.providers.openai_batch import RemoteBatch
from core.providers.writing import address
from core.rules.readings import Exchange, Reading
from core.rules.specs import ModelSpec
from core.vocabulary import Result

T = TypeVar("T")

SLICE_BYTES = 2**18
TRANSFER_S = 900.0
"""For a whole file: 200 MB at 250 kB/s."""
CALL_S = 60.0
PAGE, MAX_PAGES = 100, 50
"""Of the provider's list of batches: the latest 5,000 are looked through."""
SUCCESS = range(200, 300)


class BatchFault(Exception):
    """A call about a batch failed; `reading` says how."""

    def __init__(self, status: int | None, reading: Reading) -> None:
        super().__init__(reading.reason)
        self.status = status
        self.reading = reading

    @property
    def is_unknown(self) -> bool:
        """Tell whether the provider does not know what was asked about."""
        return self.status == HTTPStatus.NOT_FOUND


@dataclass(frozen=True)
class BatchApi:
    """One provider's batch mode, with one credential's secret. Belongs to the client's loop."""

    client: ProviderClient
    adapter: Adapter
    model: ModelSpec
    secret: str | None
    now: datetime

    async def upload(self, path: Path, name: str) -> str:
        """Send a file, read as it goes, and return the provider's name of it."""
        boundary = secrets.token_hex(16)
        exchange = await self._exchange(
            "POST",
            "/files",
            _upload(path, *openai_batch.form(name, boundary)),
            TRANSFER_S,
            kind=f"multipart/form-data; boundary={boundary}",
        )
        return self._made(openai_batch.named(self._document(exchange)), exchange)

    async def create(self, file_id: str, url: str, ours: str) -> RemoteBatch:
        """Create a batch of an uploaded file that carries our id."""
        content = openai_batch.creation(file_id, url, ours)
        exchange = await self._call("POST", "/batches", content)
        return self._made(openai_batch.remote(self._document(exchange)), exchange)

    async def get(self, provider_id: str) -> RemoteBatch:
        """Return a batch as it is now."""
        exchange = await self._call("GET", f"/batches/{provider_id}")
        return self._made(openai_batch.remote(self._document(exchange)), exchange)

    async def cancel(self, provider_id: str) -> None:
        """Ask for the end of a batch; what it has answered is kept."""
        self._document(await self._call("POST", f"/batches/{provider_id}/cancel"))

    async def find(self, ours: str, *, since: float) -> RemoteBatch | None:
        """Return the batch that carries our id, from the provider's list, the newest first.

        Nothing that was made before `since`, seconds since the epoch, is looked at.
        """
        query = f"limit={PAGE}"
        for _ in range(MAX_PAGES):
            exchange = await self._call("GET", "/batches", query=query)
            document = self._document(exchange)
            listed = document.get("data") if isinstance(document, dict) else None
            if not isinstance(listed, list):
                raise BatchFault(exchange.status, _malformed(exchange))
            for entry in listed:
                found = openai_batch.remote(entry)
                if found is not None and found.ours == ours:
                    return found
            last = listed[-1] if listed else {}
            if not document.get("has_more") or not last or last.get("created_at", since) < since:
                return None
            query = f"limit={PAGE}&after={last.get('id')}"
        return None

    async def download(self, file_id: str, path: Path) -> None:
        """Write the content of a file to disk, as it comes."""
        with path.open("wb") as file:
            exchange = await self._exchange(
                "GET", f"/files/{file_id}/content", b"", TRANSFER_S, into=file
            )
        self._check(exchange)

    async def _call(
        self, method: str, path: str, content: bytes = b"", *, query: str = ""
    ) -> Exchange:
        """Make a small call."""
        return await self._exchange(method, path, content, CALL_S, query=query)

    async def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | Upload,
        timeout_s: float,
        *,
        query: str = "",
        kind: str = "application/json",
        into: BinaryIO | None = None,
    ) -> Exchange:
        """Send a request to a path below the base URL."""
        url = address(self.model, path)
        if query:
            url += ("&" if "?" in url else "?") + query
        headers = {**self.adapter.headers(self.model, self.secret), "content-type": kind}
        return await self.client.exchange(
            method, url, headers, content, timeout_s, secret=self.secret, into=into
        )

    def _check(self, exchange: Exchange) -> None:
        """Raise what failed."""
        if exchange.failure is not None or exchange.status not in SUCCESS:
            raise BatchFault(exchange.status, self.adapter.read(exchange, now=self.now))

    def _document(self, exchange: Exchange) -> Any:
        """Return the JSON of a success."""
        self._check(exchange)
        try:
            return orjson.loads(exchange.body)
        except orjson.JSONDecodeError as error:
            raise BatchFault(exchange.status, _malformed(exchange)) from error

    def _made(self, made: T | None, exchange: Exchange) -> T:
        """Return what a success speaks of; raise where it speaks of nothing known."""
        if made is None:
            raise BatchFault(exchange.status, _malformed(exchange))
        return made


def _malformed(exchange: Exchange) -> Reading:
    """Return the reading of a reply that is none of this wire."""
    head = exchange.body[:500].decode(errors="replace").replace("\x00", "")
    return Reading(Result.MALFORMED, reason=f"no such reply in batch mode: {head}")


def _upload(path: Path, before: bytes, after: bytes) -> Upload:
    """Return a form with a file in it, as a body."""
    size = len(before) + path.stat().st_size + len(after)
    return Upload(size, _form(before, path, after))


async def _form(before: bytes, path: Path, after: bytes) -> AsyncIterator[bytes]:
    """Yield a form with a file in it, a slice at a time."""
    yield before
    with path.open("rb") as file:
        while piece := file.read(SLICE_BYTES):
            yield piece
    yield after
