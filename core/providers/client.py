"""The one HTTP client of a process, and the exchanges it makes."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import ContentEncodingError

from core.providers.guard import PRIVATE_MODELS, guarded
from core.rules.addresses import Network
from core.rules.readings import Exchange
from core.vocabulary import Result

CONNECTIONS = 2000
"""More than the calls a process has under way: the limiter bounds those, not the pool."""
KEEPALIVE_S = 4.0
"""Below the 5 s after which uvicorn and others close an idle connection: a request must not meet
the closing half-way."""
CONNECT_S = 10.0
MAX_REPLY_BYTES = 20_000_000
PARTIAL_BYTES = 100_000
"""Of a reply that did not come whole, as much as is kept."""
SLICE_BYTES = 2**17
"""A longer body is handed over in slices."""
SECRET_CHARACTERS = 8
"""A shorter secret is no secret, and blotting it out would garble the reply."""


class ReplyTooLarge(Exception):
    """A reply went past the bound; the rest of it was not read."""


FAULTS = (aiohttp.ClientError, HttpProcessingError, OSError, ReplyTooLarge)
"""All that a network, a proxy or a server can do to an exchange. TimeoutError is an OSError."""

UNCONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Faults before a byte of the request was sent."""

MALFORMED = (aiohttp.ClientResponseError, HttpProcessingError, ReplyTooLarge)
"""Faults of what was sent back, not of the connection."""


@dataclass(frozen=True)
class Upload:
    """A body that is sent as it is read, for one that is too large to hold."""

    size: int
    chunks: AsyncIterator[bytes]


@dataclass
class _Reply:
    """A reply as it arrives."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    file: BinaryIO | None = None
    """Where the body of a success goes instead, however large it is."""


class ProviderClient:
    """Sends requests; make one for a process, since building it costs a TLS context (74 ms).

    It opens inside the running event loop at the first call and belongs to that loop. It never
    retries and never follows a redirect: both would send, and perhaps pay, again unseen. Proxies
    (HTTPS_PROXY, NO_PROXY) and SSL_CERT_FILE are taken from the environment; `.netrc` is not.

    With `private` it connects to public addresses and to those networks only; by way of a proxy,
    which resolves names itself, it is the proxy that decides.
    """

    def __init__(
        self,
        *,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        private: Collection[Network] | None = None,
    ) -> None:
        self._max_reply_bytes = max_reply_bytes
        self._private = private
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Upload,
        timeout_s: float,
        *,
        secret: str | None,
    ) -> Exchange:
        """Send a request and return all that came of it; a network's fault is a value.

        `timeout_s` bounds the exchange as a whole, however steadily the server drips. The body is
        kept byte for byte, after content decoding where a server compresses unasked; `secret`,
        whichever header carries it, is blotted out wherever the reply repeats it.
        """
        return await self.exchange("POST", url, headers, content, timeout_s, secret=secret)

    async def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Upload,
        timeout_s: float,
        *,
        secret: str | None,
        into: BinaryIO | None = None,
    ) -> Exchange:
        """Send a request of any method, as `post` does; the body of a success may go to a file."""
        reply = _Reply(file=into)
        started = time.perf_counter()
        status, failure, error, connected = None, None, None, True
        try:
            async with asyncio.timeout(timeout_s):
                status = await self._receive(method, url, headers, content, reply)
        except FAULTS as fault:
            failure, error = _meaning(fault), _words(fault, timeout_s)
            connected = not isinstance(fault, UNCONNECTED)
            del reply.body[PARTIAL_BYTES:]
        latency_s = time.perf_counter() - started
        exchange = Exchange(
            status, reply.headers, bytes(reply.body), latency_s, failure, error, connected
        )
        return _without(exchange, (secret or "").strip())

    async def aclose(self) -> None:
        """Close every connection. A later call opens the client anew."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _receive(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Upload,
        reply: _Reply,
    ) -> int:
        """Fill `reply` and return its status once it is whole."""
        session = self._session = self._session or open_session(self._private)
        size, body = _body(content)
        sized = {**headers, "content-length": str(size)}
        async with session.request(
            method,
            url,
            headers=sized,
            data=body,
            allow_redirects=False,
            proxy=proxy_of(url),
        ) as response:
            reply.headers = _headers(response)
            async for chunk in response.content.iter_any():
                if reply.file is not None and response.ok:
                    reply.file.write(chunk)
                    continue
                reply.body += chunk
                if len(reply.body) > self._max_reply_bytes:
                    raise ReplyTooLarge(f"the reply is larger than {self._max_reply_bytes} bytes")
        return response.status


def open_session(
    private: Collection[Network] | None, *, setting: str = PRIVATE_MODELS
) -> aiohttp.ClientSession:
    """Return a session; to be called where an event loop runs.

    It keeps no cookies: they would tie credentials together.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=CONNECTIONS,
            keepalive_timeout=KEEPALIVE_S,
            ssl=_trusted(),
            socket_factory=None if private is None else guarded(private, setting=setting),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Replies are small: what a server says is then what is kept, without a decoder between.
        headers={"accept": "*/*", "accept-encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
    )


def outgoing(content: bytes) -> bytes | Upload:
    """Return a body as it is to be sent: a long one in slices, and gone once it has left.

    A hundred calls wait for their replies at once, and each body may have a megabyte.
    """
    return content if len(content) <= SLICE_BYTES else Upload(len(content), _slices(content))


def _body(content: bytes | Upload) -> tuple[int, bytes | AsyncIterator[bytes]]:
    """Return a body's size, and the body as the transport takes it."""
    body = outgoing(content) if isinstance(content, bytes) else content
    return (body.size, body.chunks) if isinstance(body, Upload) else (len(body), body)


def _trusted() -> ssl.SSLContext:
    """Return the certificates to trust: SSL_CERT_FILE's, else those of certifi."""
    return httpx.create_ssl_context()


class ProviderClients:
    """The clients of a process: one for models that an operator declared, one for all others."""

    def __init__(self, private: Collection[Network]) -> None:
        self._anywhere = ProviderClient()
        self._guarded = ProviderClient(private=private)

    def of(self, url: str, *, trusted: bool) -> ProviderClient:
        """Return the client for a model's address; `trusted`: it may be any address.

        A proxy is where the environment says, and the only address that is connected to then.
        """
        proxied = proxy_of(url) is not None
        return self._anywhere if trusted or proxied else self._guarded

    async def aclose(self) -> None:
        """Close every connection."""
        await self._anywhere.aclose()
        await self._guarded.aclose()


def proxy_of(url: str) -> str | None:
    """Return the proxy by which a URL is called, if any."""
    return _proxy(*urlsplit(url)[:2])


@cache
def _proxy(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a host; a process calls few of them."""
    if proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all")


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return a reply's headers by their names in lower case; of several of a name, all."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


async def _slices(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), SLICE_BYTES):
        yield content[start : start + SLICE_BYTES]


def _meaning(fault: BaseException) -> Result:
    """Return what a fault is."""
    if isinstance(fault, TimeoutError):
        return Result.TIMEOUT
    if isinstance(fault, aiohttp.ClientHttpProxyError):
        return Result.RESET
    if isinstance(fault, MALFORMED) or isinstance(fault.__cause__, ContentEncodingError):
        return Result.MALFORMED
    return Result.RESET


def _words(fault: BaseException, timeout_s: float) -> str:
    """Return a fault in words, with the name of its type, since many have no words at all."""
    if type(fault) is TimeoutError:
        return f"no whole reply within {timeout_s:g} s"
    return f"{type(fault).__name__}: {fault}".removesuffix(": ")


def _without(exchange: Exchange, secret: str) -> Exchange:
    """Return the exchange with the request's secret blotted out, should the server repeat it."""
    if len(secret) < SECRET_CHARACTERS:
        return exchange
    return replace(
        exchange,
        headers={k: v.replace(secret, "***") for k, v in exchange.headers.items()},
        body=exchange.body.replace(secret.encode(), b"***"),
        error=exchange.error and exchange.error.replace(secret, "***"),
    )
