"""Turns away what no route should have to think of: endless bodies, and text nobody can store."""

import re

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ProblemResponse, problem

MAX_BODY = 10 * 2**20
"""Bytes of a body that is read into memory; multipart uploads go to disk and have their own."""

NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape of NUL in JSON, where the backslash is not itself escaped."""

PROBLEM_NUL = "NUL characters cannot be stored; remove them and send it again"


class Guard:
    """ASGI middleware that reads bodies up to a limit before anything else happens."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._judge_head(scope, headers)
        if refusal is None and _has_body(headers):
            body, refusal = await self._read(receive)
            receive = _replay(body, receive)
        await (refusal or self.app)(scope, receive, send)

    def _judge_head(self, scope: Scope, headers: Headers) -> ProblemResponse | None:
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return problem(400, "nul_character", PROBLEM_NUL)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.max_body and _has_body(headers):
            return self._too_large()
        return None

    async def _read(self, receive: Receive) -> tuple[bytes, ProblemResponse | None]:
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self.max_body:
                return b"", self._too_large()
            more = message.get("more_body", False)
        body = b"".join(chunks)
        return body, _judge_escapes(body)

    def _too_large(self) -> ProblemResponse:
        detail = f"the body is larger than {self.max_body:,} bytes; send less at a time"
        return problem(413, "too_large", detail, max_bytes=self.max_body)


def _judge_escapes(body: bytes) -> ProblemResponse | None:
    """Refuse JSON that escapes NUL or half a surrogate pair, which Python itself lets through."""
    if b"\\u" not in body:
        return None
    if NUL.search(body):
        return problem(422, "nul_character", PROBLEM_NUL)
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return problem(400, "invalid_json", f"the body is not JSON: {error}; correct it")
    return None


def _has_body(headers: Headers) -> bool:
    """Tell whether there is a body to be read here; multipart is for its route to stream."""
    announced = "content-length" in headers or "transfer-encoding" in headers
    return announced and not headers.get("content-type", "").startswith("multipart/")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that has been read once more, then goes on."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
