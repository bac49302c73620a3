"""A line of the log for each request, and an id that is on every line that it leads to."""

import logging
import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from api.browsers import SAFE

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""An id that a proxy in front of the service gave; another is made in place of anything else."""

FAULT = 500
"""A status from here on is a fault of the service."""

ID = re.compile(r"[0-9a-fA-F-]{36}|[0-9]{1,19}")
"""What an id looks like; anything may stand in its place."""

VERSION = "/v1"
"""In front of the paths of the API: a route knows its own without."""

UNMATCHED = "(no such path)"


class RequestLog:
    """ASGI middleware that names each request, and tells of it when it has been answered.

    A path goes by its pattern and the ids in it: others of its values, and all of its query, may
    be secrets, such as a link that signs in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its answer says the id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if GIVEN.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, named)
            finally:
                took = round((time.perf_counter() - began) * 1000, 1)
                line = {"method": scope["method"], "status": status, "ms": took}
                log.log(_level(scope, status), "request", **line, **named_by(scope))


def named_by(scope: Scope) -> dict[str, str]:
    """Return what a line may tell of a request's address: its pattern, and the ids in it."""
    pattern: str = getattr(scope.get("route"), "path", UNMATCHED)
    version = VERSION if scope["path"].startswith(f"{VERSION}/") and pattern[0] == "/" else ""
    ids = {
        name.removesuffix("_id"): str(value)
        for name, value in scope.get("path_params", {}).items()
        if name.endswith("_id") and ID.fullmatch(str(value))
    }
    return {"route": version + pattern.removeprefix(VERSION), **ids}


def _level(scope: Scope, status: int) -> int:
    """Return how much a request matters: what fails most, and what changes something more."""
    if status >= FAULT:
        return logging.WARNING
    return logging.DEBUG if scope["method"] in SAFE else logging.INFO
