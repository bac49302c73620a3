"""The client that brings messages to webhooks: one try, and what came of it."""

import asyncio
import time
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http import HttpProcessingError

from core import __version__
from core.db import utc_now
from core.providers.client import open_session, proxy_of
from core.providers.guard import PRIVATE_WEBHOOKS, ForbiddenAddress
from core.rules.addresses import Network, literal, permitted
from core.rules.headers import retry_after
from core.rules.webhooks import Answer

TIMEOUT_S = 10.0
"""For a try as a whole. A receiver has only to say that it has the message."""
KEPT_BYTES = 2048
"""Of an answer; the rest is not read."""
FAULTS = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""All that a name, a network or a server can do to a try. TimeoutError is an OSError."""


class Courier:
    """Brings messages; one for a process, and its connections belong to one event loop.

    It connects to public addresses and to the `private` networks, except for what an operator
    named, and never follows a redirect: that could lead anywhere.
    """

    def __init__(self, private: Collection[Network], *, timeout_s: float = TIMEOUT_S) -> None:
        self._private = private
        self._timeout_s = timeout_s
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def bring(
        self, url: str, headers: Mapping[str, str], body: bytes, *, trusted: bool
    ) -> Answer:
        """Send a message once; a network's fault is an answer too."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(url, headers, body, started, trusted=trusted)
        except FAULTS as fault:
            return Answer(error=self._words(fault), latency_s=time.perf_counter() - started)

    async def aclose(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _exchange(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        started: float,
        *,
        trusted: bool,
    ) -> Answer:
        """Send a message, and read the beginning of the answer."""
        proxy = proxy_of(url)
        if not trusted:
            self._refuse(url)
        async with self._session(anywhere=trusted or proxy is not None).post(
            url,
            headers={**headers, "user-agent": f"gerbench/{__version__}"},
            data=body,
            allow_redirects=False,
            proxy=proxy,
        ) as response:
            kept = await _beginning(response)
            told = {name.lower(): value for name, value in response.headers.items()}
            return Answer(
                status=response.status,
                error=_refusal(response.status),
                body=kept,
                latency_s=time.perf_counter() - started,
                retry_after_s=retry_after(told, utc_now()),
            )

    def _refuse(self, url: str) -> None:
        """Raise ForbiddenAddress for a number that is not allowed, whoever would connect to it.

        Names are looked at where they are connected to; behind a proxy it is the proxy that does.
        """
        address = literal(urlsplit(url).hostname or "")
        if address is not None and not permitted(address, self._private):
            raise ForbiddenAddress(
                f"{address} is not on the public internet, and not in {PRIVATE_WEBHOOKS}"
            )

    def _session(self, *, anywhere: bool) -> aiohttp.ClientSession:
        """Return the connections that may go anywhere, or those that are guarded."""
        if anywhere not in self._sessions:
            private = None if anywhere else self._private
            self._sessions[anywhere] = open_session(private, setting=PRIVATE_WEBHOOKS)
        return self._sessions[anywhere]

    def _words(self, fault: BaseException) -> str:
        """Return a fault in words, with the name of its type, since many have no words at all."""
        if type(fault) is TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        return f"{type(fault).__name__}: {fault}".removesuffix(": ")


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return the first bytes of an answer; the connection is closed if there are more."""
    kept = bytearray()
    async for chunk in response.content.iter_any():
        kept += chunk
        if len(kept) > KEPT_BYTES:
            response.close()
            break
    return bytes(kept[:KEPT_BYTES])


def _refusal(status: int) -> str | None:
    """Return why a status is no success."""
    if Answer(status=status).taken:
        return None
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        return f"answered {status}: redirects are not followed, so give the address they lead to"
    return f"answered {status}"
