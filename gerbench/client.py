"""A client of the REST API: what the command line, the demo and programs talk to a service with.

What gives and takes JSON is here; what has types is in `gerbench.resources`, loaded when it is
first asked for, since a command that shows a list needs none of it.
"""

import os
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import httpx

from gerbench.folder import find
from gerbench.peer import (
    PAGE,
    PATIENT,
    TIMEOUT,
    WAITS_S,
    ApiProblem,
    ClientError,
    Json,
    NoService,
    Peer,
    given,
    may_pass,
    path,
)

if TYPE_CHECKING:
    from gerbench.dashboards import Dashboards
    from gerbench.resources import Datasets, Jobs, Models, Runs
    from gerbench.webhooks import Webhooks

__all__ = ["ApiProblem", "Client", "ClientError", "Json", "NoService", "connect", "path"]

KEY_FILE = "admin.key"
"""As `core.keys` names it; not imported, so that the command line starts without a database."""
DATA = Path("var")


class Client(Peer):
    """Speaks to one service with one key. Raises NoService and ApiProblem.

    `jobs`, `runs`, `datasets`, `models`, `dashboards` and `webhooks` have types; the methods
    give and take JSON, for any path.
    """

    def __init__(self, url: str, key: str, **said: str) -> None:
        super().__init__(url, key, **said)
        self._http = httpx.Client(**self.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @cached_property
    def jobs(self) -> "Jobs":
        """Return the jobs of the service."""
        jobs: Jobs = import_module("gerbench.resources").Jobs(self)
        return jobs

    @cached_property
    def runs(self) -> "Runs":
        """Return the runs of the service."""
        runs: Runs = import_module("gerbench.resources").Runs(self)
        return runs

    @cached_property
    def datasets(self) -> "Datasets":
        """Return the datasets of the service."""
        datasets: Datasets = import_module("gerbench.resources").Datasets(self)
        return datasets

    @cached_property
    def models(self) -> "Models":
        """Return the models of the service."""
        models: Models = import_module("gerbench.resources").Models(self)
        return models

    @cached_property
    def webhooks(self) -> "Webhooks":
        """Return the webhooks of the team."""
        webhooks: Webhooks = import_module("gerbench.webhooks").Webhooks(self)
        return webhooks

    @cached_property
    def dashboards(self) -> "Dashboards":
        """Return the saved views of the team."""
        dashboards: Dashboards = import_module("gerbench.dashboards").Dashboards(self)
        return dashboards

    def get(self, path: str, **params: Any) -> Any:
        """Return what is at a path; parameters that are None are left out."""
        return self._send("GET", path, params=given(params))

    def content(self, path: str, **params: Any) -> bytes:
        """Return what is at a path byte for byte."""
        return self._ask("GET", path, params=given(params)).content

    def download(self, path: str, file: BinaryIO, **params: Any) -> None:
        """Write what is at a path into a file, as it comes; for what memory should not hold."""
        options: Json = {"params": given(params), "timeout": PATIENT}
        with self.reached(), self._http.stream("GET", path, **options) as response:
            if not response.is_success:
                response.read()
            self.check(response)
            file.writelines(response.iter_bytes())

    def items(self, path: str, *, limit: int | None = None, **params: Any) -> Iterator[Json]:
        """Yield the items of a list, page after page, at most `limit` of them."""
        return islice(self._paged(path, min(limit or PAGE, PAGE), params), limit)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        patient: bool = False,
    ) -> Any:
        """Send a JSON body; `patient` waits for the answer however long it takes."""
        timeout = PATIENT if patient else TIMEOUT
        return self._send("POST", path, json=body, headers=headers, timeout=timeout)

    def upload(
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
        return self._send("POST", path, data=dict(fields), files=files, timeout=PATIENT)

    def patch(self, path: str, body: Any) -> Any:
        """Change what is at a path."""
        return self._send("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove what is at a path."""
        self._send("DELETE", path)

    def repeat(self, method: str, path: str, **options: Any) -> Any:
        """Send what does no harm when it comes twice, again if nothing answers for a moment."""
        for wait in WAITS_S:
            try:
                return self._send(method, path, **options)
            except ClientError as error:
                if not may_pass(error):
                    raise
            time.sleep(wait)
        return self._send(method, path, **options)

    def _paged(self, path: str, size: int, params: Mapping[str, Any]) -> Iterator[Json]:
        cursor = None
        while True:
            page = self.get(path, limit=size, cursor=cursor, **params)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _send(self, method: str, path: str, **options: Any) -> Any:
        return self.read(self._ask(method, path, **options))

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return a reply that says yes; raise the problem that another one tells."""
        with self.reached():
            response = self._http.request(method, path, **options)
        return self.check(response)


def connect(data: Path | None = None) -> Client:
    """Return a client of the service that is meant; `located` says which.

    Raises NoService, ClientError.
    """
    return Client(**located(data))


def located(data: Path | None = None) -> Json:
    """Return address and key of the service that is meant, as clients take them.

    A data folder that is named says it all; else GERBENCH_URL and GERBENCH_API_KEY do; what they
    leave out is in the data folder GERBENCH_DATA (default: var). Raises NoService, ClientError.
    """
    folder = data or Path(os.environ.get("GERBENCH_DATA") or DATA)
    environment: Mapping[str, str] = {} if data else os.environ
    url, absent = environment.get("GERBENCH_URL"), "is GERBENCH_URL right, and is it running?"
    if not url:
        url, absent = _running_at(folder), f"start one with {_up(folder)}"
    key, source = environment.get("GERBENCH_API_KEY"), "GERBENCH_API_KEY"
    if not key:
        key, source = _key_in(folder), str(folder / KEY_FILE)
    return {"url": url, "key": key.strip(), "key_source": source, "absent": absent}


def _running_at(folder: Path) -> str:
    """Return the address of the service on a data folder."""
    running = find(folder)
    if running is None:
        raise NoService(
            f"no service is running on {folder}: start one with {_up(folder)},"
            " or set GERBENCH_URL and GERBENCH_API_KEY"
        )
    return str(running["url"])


def _key_in(folder: Path) -> str:
    try:
        return (folder / KEY_FILE).read_text("utf-8")
    except FileNotFoundError:
        raise ClientError(
            f"no API key: {folder / KEY_FILE} is not there; set GERBENCH_API_KEY"
        ) from None
    except (OSError, ValueError) as error:
        raise ClientError(f"the API key cannot be read: {error}; set GERBENCH_API_KEY") from error


def _up(folder: Path) -> str:
    """Return the command that starts a service on a folder."""
    return "`gerbench up`" if folder == DATA else f"`gerbench up --data {folder}`"
