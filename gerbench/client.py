"""A client of the REST API: what the command line, the demo and scripts talk to a service with."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote, urlsplit

import httpx

from gerbench.folder import find

Json = dict[str, Any]

KEY_FILE = "admin.key"
"""As `core.keys` names it; not imported, so that the command line starts without a database."""
DATA = Path("var")
PAGE = 500
"""Items asked for at a time; the most the API gives."""
TIMEOUT = httpx.Timeout(30.0)
PATIENT = httpx.Timeout(30.0, read=None)
"""For what the service works on before it answers, such as an import."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FEW_FAULTS = 3
"""As many as a problem's own `detail` already names."""


class ClientError(Exception):
    """The service could not be asked, or did not do what was asked. `str(error)` says why."""


class NoService(ClientError):
    """Nothing answers where a service was looked for."""


class ApiProblem(ClientError):
    """The service refused: an application/problem+json."""

    def __init__(self, status: int, members: Mapping[str, Any], hint: str = "") -> None:
        self.status = status
        self.type = str(members.get("type", "about:blank"))
        """Stable; the part that programs may rely on."""
        self.title = str(members.get("title", "Error"))
        self.detail = str(members.get("detail", ""))
        self.errors: list[Json] = list(members.get("errors") or ())
        """Each fault of an invalid request: `{"pointer", "detail"}`."""
        self.members = dict(members)
        """The whole document."""
        super().__init__(self._text() + hint)

    def _text(self) -> str:
        if len(self.errors) <= FEW_FAULTS:
            return self.detail or self.title
        faults = (f"\n  {fault.get('pointer')}: {fault.get('detail')}" for fault in self.errors)
        return f"{self.title}:{''.join(faults)}"


def path(*parts: object) -> str:
    """Return the path of a resource under /v1, its parts quoted."""
    return "/v1/" + "/".join(quote(str(part), safe="@") for part in parts)


class Client:
    """Speaks to one service with one key. Raises NoService and ApiProblem."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        key_source: str = "the caller",
        absent: str = "is the address right, and is it running?",
    ) -> None:
        self.url = url.rstrip("/")
        self._key_source = key_source
        self._absent = absent
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ClientError(f"{url!r} is no address of a service; one is http://127.0.0.1:8000")
        if not (key.isascii() and key.isprintable()):
            raise ClientError(f"what {key_source} gives is no API key: it has odd characters in it")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT,
            # Loading the certificates takes 0.15 s, and http:// needs none.
            verify=parts.scheme == "https",
            # A proxy from the environment could not reach this machine's own loopback.
            trust_env=parts.hostname not in LOOPBACK,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return what is at a path; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._send("GET", path, params=given)

    def content(self, path: str, **params: Any) -> bytes:
        """Return what is at a path byte for byte."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._ask("GET", path, params=given).content

    def download(self, path: str, file: BinaryIO, **params: Any) -> None:
        """Write what is at a path into a file, as it comes; for what memory should not hold."""
        given = {name: value for name, value in params.items() if value is not None}
        with (
            self._reached(),
            self._http.stream("GET", path, params=given, timeout=PATIENT) as response,
        ):
            if not response.is_success:
                response.read()
                raise self._problem(response)
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

    def _paged(self, path: str, size: int, params: Mapping[str, Any]) -> Iterator[Json]:
        cursor = None
        while True:
            page = self.get(path, limit=size, cursor=cursor, **params)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _send(self, method: str, path: str, **options: Any) -> Any:
        return self._read(self._ask(method, path, **options))

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return a reply that says yes; raise the problem that another one tells."""
        with self._reached():
            response = self._http.request(method, path, **options)
        if response.is_success:
            return response
        raise self._problem(response)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Raise NoService for what keeps a request from being answered."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise NoService(f"the service at {self.url} did not answer in time") from error
        except httpx.TransportError as error:
            raise NoService(f"no service answers at {self.url}: {self._absent}") from error

    def _read(self, response: httpx.Response) -> Any:
        if response.status_code == HTTPStatus.NO_CONTENT:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise ClientError(f"{self.url} answers, but not as a gerbench service does") from error

    def _problem(self, response: httpx.Response) -> ApiProblem:
        status = response.status_code
        try:
            members = response.json()
        except ValueError:
            members = None
        if not isinstance(members, dict):
            detail = f"{self.url} answered {status} {response.reason_phrase} and no reason"
            return ApiProblem(status, {"detail": f"{detail}; is it a gerbench service?"})
        wrong_key = status == HTTPStatus.UNAUTHORIZED
        return ApiProblem(status, members, f" (it came from {self._key_source})" * wrong_key)


def connect(data: Path | None = None) -> Client:
    """Return a client of the service that is meant.

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
    return Client(url, key.strip(), key_source=source, absent=absent)


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
