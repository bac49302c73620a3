"""A span for each request, where traces are collected."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.requestlog import FAULT, named_by
from core.traces import Traces

UNTRACED = ("/health", "/ready", "/metrics", "/static/")
"""What is asked for again and again, and would hide the rest."""


class Traced:
    """ASGI middleware that begins a trace, or goes on with the caller's (`traceparent`)."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self.app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["path"].startswith(UNTRACED):
            await self.app(scope, receive, send)
            return
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"]
        about = {
            "http.request.method": method,
            "gerbench.request_id": scope["state"]["request_id"],
        }
        parent = Headers(scope=scope).get("traceparent")
        with self._traces.span(method, about, parent=parent, kind="server") as span:
            try:
                await self.app(scope, receive, noted)
            finally:
                route = named_by(scope)["route"]
                span.rename(f"{method} {route}")
                span.note(
                    {"http.route": route, "http.response.status_code": status},
                    fault=str(status) if status >= FAULT else None,
                )
