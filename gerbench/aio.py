"""A client of the REST API for programs in asyncio; as `gerbench.client`, method by method."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import httpx

from gerbench.client import located
from gerbench.peer import PAGE, PATIENT, TIMEOUT, WAITS_S, ClientError, Json, Peer, given, may_pass

if TYPE_CHECKING:
    from gerbench.async_resources import AsyncDatasets, AsyncJobs, AsyncModels, AsyncRuns
    from gerbench.async_webhooks import AsyncWebhooks
    from gerbench.dashboards import AsyncDashboards


class AsyncClient(Peer):
    """Speaks to one service with one key. Raises NoService and ApiProblem.

    `jobs`, `runs`, `datasets`, `models`, `dashboards` and `webhooks` have types; the methods
    give and take JSON, for any path.
    """

    def __init__(self, url: str, key: str, **said: str) -> None:
        super().__init__(url, key, **said)
        self._http = httpx.AsyncClient(**self.options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @cached_property
    def jobs(self) -> "AsyncJobs":
        """Return the jobs of the service."""
        jobs: AsyncJobs = import_module("gerbench.async_resources").AsyncJobs(self)
        return jobs

    @cached_property
    def runs(self) -> "AsyncRuns":
        """Return the runs of the service."""
        runs: AsyncRuns = import_module("gerbench.async_resources").AsyncRuns(self)
        return runs

    @cached_property
    def datasets(self) -> "AsyncDatasets":
        """Return the datasets of the service."""
        datasets: AsyncDatasets = import_module("gerbench.async_resources").AsyncDatasets(self)
        return datasets

    @cached_property
    def models(self) -> "AsyncModels":
        """Return the models of the service."""
        models: AsyncModels = import_module("gerbench.async_resources").AsyncModels(self)
        return models

    @cached_property
    def webhooks(self) -> "AsyncWebhooks":
        """Return the webhooks of the team."""
        webhooks: AsyncWebhooks = import_module("gerbench.async_webhooks").AsyncWebhooks(self)
        return webhooks

    @cached_property
    def dashboards(self) -> "AsyncDashboards":
        """Return the saved views of the team."""
        dashboards: AsyncDashboards = import_module("gerbench.dashboards").AsyncDashboards(self)
        return dashboards

    async def get(self, path: str, **params: Any) -> Any:
        """Return what is at a path; parameters that are None are left out."""
        return await self._send("GET", path, params=given(params))

    async def content(self, path: str, **params: Any) -> bytes:
        """Return what is at a path byte for byte."""
        found = await self._ask("GET", path, params=given(params))
        return found.content

    async def download(self, path: str, file: BinaryIO, **params: Any) -> None:
        """Write what is at a path into a file, as it comes; for what memory should not hold."""
        options: Json = {"params": given(params), "timeout": PATIENT}
        with self.reached():
            async with self._http.stream("GET", path, **options) as response:
                if not response.is_success:
                    await response.aread()
                self.check(response)
                async for chunk in response.aiter_bytes():
                    file.write(chunk)

    async def items(
        self, path: str, *, limit: int | None = None, **params: Any
    ) -> AsyncIterator[Json]:
        """Yield the items of a list, page after page, at most `limit` of them."""
        left, cursor = limit, None
        while True:
            size = PAGE if left is None else min(left, PAGE)
            page = await self.get(path, limit=size, cursor=cursor, **params)
            for item in page["items"][:left]:
                yield item
            left = None if left is None else left - len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None or (left is not None and left <= 0):
                return

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        patient: bool = False,
    ) -> Any:
        """Send a JSON body; `patient` waits for the answer however long it takes."""
        timeout = PATIENT if patient else TIMEOUT
        return await self._send("POST", path, json=body, headers=headers, timeout=timeout)

    async def upload(
        self,
        path: str,
        fields: Mapping[str, str],
        name: str,
        file: BinaryIO,
        *,
        filename: str | None = None,
    ) -> Any:
        """Send a multipart form with a file in its field `name`, streamed from where it is."""
        files = {name: (filename or name, file, "application/octet-stream")}
        return await self._send("POST", path, data=dict(fields), files=files, timeout=PATIENT)

    async def patch(self, path: str, body: Any) -> Any:
        """Change what is at a path."""
        return await self._send("PATCH", path, json=body)

    async def delete(self, path: str) -> None:
        """Remove what is at a path."""
        await self._send("DELETE", path)

    async def repeat(self, method: str, path: str, **options: Any) -> Any:
        """Send what does no harm when it comes twice, again if nothing answers for a moment."""
        for wait in WAITS_S:
            try:
                return await self._send(method, path, **options)
            except ClientError as error:
                if not may_pass(error):
                    raise
            await asyncio.sleep(wait)
        return await self._send(method, path, **options)

    async def _send(self, method: str, path: str, **options: Any) -> Any:
        return self.read(await self._ask(method, path, **options))

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return a reply that says yes; raise the problem that another one tells."""
        with self.reached():
            response = await self._http.request(method, path, **options)
        return self.check(response)


def connect_async(data: Path | None = None) -> AsyncClient:
    """Return a client of the service that is meant, as `gerbench.connect` finds it."""
    return AsyncClient(**located(data))
