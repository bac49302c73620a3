"""What a browser may do with an answer that says nothing of it itself: nothing."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "script-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""For data, which may hold what others wrote: labels in a figure, a model's answer in an export.
Opened as a document of its own it runs nothing, and is of no origin. Pages have their own."""


class Shields:
    """ASGI middleware that adds to each answer the headers that keep a browser from obeying it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Content-Security-Policy", POLICY)
            await send(message)

        await self.app(scope, receive, shielded)
