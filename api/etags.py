"""Conditional requests: a client that has the newest answer is told so, and not sent it again.

Every JSON answer to a GET under /v1 carries a digest of itself as its ETag, so none can be stale.
A route that knows what its answer is made of says so before it makes it: see `unless_known`.
"""

import re
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TAG = re.compile(r'(?:W/)?("[^"]*")')
KEEP = "private, no-cache"
"""Kept by the client alone, and asked about again each time."""
ENTITY = ("content-length", "content-type", "content-disposition")
"""What tells of a body that is not sent."""


class NotModified(Exception):
    """The client has this answer; there is nothing to make."""


def unless_known(request: Request, made_of: str) -> None:
    """Let the answer's ETag be what it is made of; raises NotModified if the client has it."""
    tag = f'W/"{made_of}"'
    request.state.etag = tag
    if matches(request.headers.get("If-None-Match"), tag):
        raise NotModified


def matches(known: str | None, tag: str) -> bool:
    """Tell whether If-None-Match names a tag (RFC 9110: compared weakly)."""
    if known is None:
        return False
    return known.strip() == "*" or tag.removeprefix("W/") in TAG.findall(known)


class Etags:
    """ASGI middleware that tags answers, and leaves out those that the client has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer goes through `Answer`."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _under_v1(scope):
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Answer(scope, send))


class _Answer:
    """An answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._known = Headers(scope=scope).get("if-none-match")
        self._held: Message | None = None
        self._silent = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._held is not None:
            start, self._held = self._held, None
            if not message.get("more_body", False):
                tag = f'"{sha256(message.get("body", b"")).hexdigest()[:32]}"'
                await self._tagged(start, tag)
            else:
                await self._send(start)
            await self._body(message)
        else:
            await self._body(message)

    async def _start(self, message: Message) -> None:
        headers = Headers(raw=message["headers"])
        own: Any = self._scope.get("state", {}).get("etag") or headers.get("etag")
        if message["status"] != HTTPStatus.OK:  # only a whole answer has a tag
            await self._send(message)
        elif own is not None:
            await self._tagged(message, own)
        elif headers.get("content-type") == "application/json":
            self._held = message
        else:
            await self._send(message)

    async def _tagged(self, start: Message, tag: str) -> None:
        """Begin the answer with its tag; without a body if the client has that."""
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["ETag"] = tag
        headers.setdefault("Cache-Control", KEEP)
        self._silent = matches(self._known, tag)
        if self._silent:
            for name in ENTITY:
                del headers[name]
        status = 304 if self._silent else start["status"]
        await self._send({**start, "status": status, "headers": headers.raw})

    async def _body(self, message: Message) -> None:
        await self._send({**message, "body": b""} if self._silent else message)


def _under_v1(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/v1/")
