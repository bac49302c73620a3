"""One service as its clients see it: where it is, with which key, and what its answers mean."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

Json = dict[str, Any]

PAGE = 500
"""Items asked for at a time; the most the API gives."""
TIMEOUT = httpx.Timeout(30.0)
PATIENT = httpx.Timeout(30.0, read=None)
"""For what the service works on before it answers, such as an import."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FEW_FAULTS = 3
"""As many as a problem's own `detail` already names."""
WAITS_S = (0.5, 1.0, 2.0)
"""Before each new try of a request that may be repeated."""
PASSING = frozenset({502, 503, 504})
"""What a service that is starting, or a proxy before it, says and soon no longer does."""


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


def given(values: Mapping[str, Any]) -> Json:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def may_pass(error: ClientError) -> bool:
    """Tell whether the same request may be answered when it is sent again in a moment."""
    return isinstance(error, NoService) or (
        isinstance(error, ApiProblem) and error.status in PASSING
    )


class Peer:
    """A service and a key. Raises ClientError for what can be neither."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        key_source: str = "the caller",
        absent: str = "is the address right, and is it running?",
    ) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self._key_source = key_source
        self._absent = absent
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ClientError(f"{url!r} is no address of a service; one is http://127.0.0.1:8000")
        if not (key.isascii() and key.isprintable()):
            raise ClientError(f"what {key_source} gives is no API key: it has odd characters in it")

    @property
    def options(self) -> Json:
        """Return what an HTTP client of it is made with."""
        parts = urlsplit(self.url)
        return {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self._key}"},
            "timeout": TIMEOUT,
            # Loading the certificates takes 0.15 s, and http:// needs none.
            "verify": parts.scheme == "https",
            # A proxy from the environment could not reach this machine's own loopback.
            "trust_env": parts.hostname not in LOOPBACK,
        }

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Raise NoService for what keeps a request from being answered."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise NoService(f"the service at {self.url} did not answer in time") from error
        except httpx.TransportError as error:
            raise NoService(f"no service answers at {self.url}: {self._absent}") from error

    def read(self, response: httpx.Response) -> Any:
        """Return what a reply says, from JSON. Raises ApiProblem, ClientError."""
        self.check(response)
        if response.status_code == HTTPStatus.NO_CONTENT:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise ClientError(f"{self.url} answers, but not as a gerbench service does") from error

    def check(self, response: httpx.Response) -> httpx.Response:
        """Return a reply that says yes; raise the problem that another one tells."""
        if response.is_success:
            return response
        status = response.status_code
        try:
            members = response.json()
        except ValueError:
            members = None
        if not isinstance(members, dict):
            detail = f"{self.url} answered {status} {response.reason_phrase} and no reason"
            raise ApiProblem(status, {"detail": f"{detail}; is it a gerbench service?"})
        wrong_key = status == HTTPStatus.UNAUTHORIZED
        raise ApiProblem(status, members, f" (it came from {self._key_source})" * wrong_key)
