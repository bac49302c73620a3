"""What many ask for at once is made once a second, and given to all of them.

A team watches one job on fifty screens: fifty equal answers, each of some milliseconds that the
job's calls wait for in an embedded service. So an answer that a crowd asks for is kept for a
second, for those who see the same. Whoever asks alone is always given the newest; and after a
change through this process, so is everybody.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus

from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import browsers
from api.deps import get_keyring
from api.feeds import CROWD
from core.access import Caller
from core.db import utc_now
from core.errors import Unauthorized

KEPT_S = 1.0
"""How old a shared answer may be."""
MAX_BODY = 256 * 2**10
"""Bytes of an answer that is kept."""
MAX_KEPT = 200
"""Answers; all are forgotten when there are more."""
KINDS = ("application/json", "text/html")
OF_TEAMS = ("/v1/jobs", "/v1/runs", "/v1/metrics", "/v1/analyses/")
"""Paths whose answers are the same for all of a team who have one role."""
OWN = frozenset({"range", "last-event-id"})
"""Headers of requests whose answers are theirs alone."""

Askers = defaultdict[Hashable, set[Hashable]]
"""Connections, by what they ask."""


@dataclass(frozen=True)
class Answer:
    """A whole answer that anybody who asks the same may be given."""

    start: Message
    body: bytes

    async def give(self, send: Send) -> None:
        """Send it."""
        await send({**self.start, "headers": list(self.start["headers"])})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(frozen=True)
class Making:
    """An answer that is being made, or was."""

    answer: asyncio.Future[Answer | None]
    """None: it is not to be shared."""
    until: float


class Crowds:
    """ASGI middleware that lets crowds share answers. It runs on one event loop."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self._clock = clock
        self._second = 0
        self._askers: Askers = defaultdict(set)
        self._askers_before: Askers = defaultdict(set)
        self._made: dict[Hashable, Making] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a crowd what was made for one of it; pass all others on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] not in browsers.SAFE:
            await self._change(scope, receive, send)
        elif (same := _same(scope)) is None or not self._is_crowd(same, _asker(scope)):
            await self.app(scope, receive, send)
        elif (answer := await self._shared(same)) is not None:
            await answer.give(send)
        else:
            await self._make(same, scope, receive, send)

    async def _change(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let nobody be given what was true before a change."""
        self._made.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self._made.clear()

    def _is_crowd(self, same: Hashable, asker: Hashable) -> bool:
        """Note who asks; tell whether many have in this second or the one before.

        One who asks again and again is no crowd, and has to be told the newest.
        """
        second = int(self._clock())
        if second != self._second:
            self._askers_before = self._askers if second == self._second + 1 else defaultdict(set)
            self._second, self._askers = second, defaultdict(set)
        self._askers[same].add(asker)
        return max(len(self._askers[same]), len(self._askers_before[same])) > CROWD

    async def _shared(self, same: Hashable) -> Answer | None:
        """Return an answer that is new enough, once it is made."""
        making = self._made.get(same)
        if making is None or self._clock() >= making.until:
            return None
        return await asyncio.shield(making.answer)

    async def _make(self, same: Hashable, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and keep its answer if it can be shared."""
        if len(self._made) >= MAX_KEPT:
            self._made.clear()
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._made[same] = Making(answer, self._clock() + KEPT_S)
        try:
            await self.app(scope, receive, _Recorder(scope, send, answer))
        finally:
            _settle(answer, None)


class _Recorder:
    """Sends an answer on, and lets those who wait have it too if it is one to be shared."""

    def __init__(self, scope: Scope, send: Send, answer: asyncio.Future[Answer | None]) -> None:
        self._scope = scope
        self._send = send
        self._answer = answer
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Look at a message, and send it."""
        if message["type"] == "http.response.start":
            if _is_shareable(message):
                self._start = {**message, "headers": [*message["headers"], *_tag(self._scope)]}
            else:
                _settle(self._answer, None)
        elif self._start is not None:
            body = message.get("body", b"")
            whole = not message.get("more_body", False) and len(body) <= MAX_BODY
            _settle(self._answer, Answer(self._start, body) if whole else None)
        await self._send(message)


def _asker(scope: Scope) -> Hashable:
    """Return the address and port of who asks: some servers give a list of the two."""
    return tuple(scope.get("client") or ())


def _settle(future: asyncio.Future[Answer | None], answer: Answer | None) -> None:
    if not future.done():
        future.set_result(answer)


def _is_shareable(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "")
    return (
        start["status"] == HTTPStatus.OK and kind.startswith(KINDS) and "set-cookie" not in headers
    )


def _tag(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the ETag that a route gave its answer."""
    tag = scope.get("state", {}).get("etag")
    return [(b"etag", tag.encode())] if tag else []


def _same(scope: Scope) -> Hashable | None:
    """Return what all have in common who may be given one answer; None: it is one's own."""
    request = Request(scope)
    caller = _caller(request)
    if scope["method"] != "GET" or caller is None or not OWN.isdisjoint(request.headers):
        return None
    path: str = scope["path"]
    sees = (caller.team_id, caller.role, caller.operator) if path.startswith(OF_TEAMS) else caller
    told = (request.headers.get(name) for name in ("host", "accept"))
    return (path, scope["query_string"], sees, *told, request.cookies.get("theme"))


def _caller(request: Request) -> Caller | None:
    """Return who asks, if their key was recognised just now."""
    scheme, secret = get_authorization_scheme_param(request.headers.get("authorization"))
    token = secret if scheme.lower() == "bearer" else browsers.token_of(request)
    if not token:
        return None
    try:
        known = get_keyring(request).remembered(token, now=utc_now())
    except Unauthorized:
        return None
    return None if known is None else known.caller
