"""What goes wrong at real providers: failed calls, and answers that are not as asked."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gerbench.endpoint.answering import Item, written
from gerbench.endpoint.draws import Draw
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.wire import WireError

MIX = ("500", "502", "503", "reset")
STATUS_OF = {
    "500": 500,
    "502": 502,
    "503": 503,
    "html": 200,
    **dict.fromkeys(("reset", "hang", "drip")),
}
TRANSPORT = "gerbench.transport"
HANGS = "gerbench.hangs"
PAGE = (
    "<!DOCTYPE html><html><head><title>{title}</title></head>"
    "<body><center><h1>{title}</h1></center><hr><center>cloudflare</center></body></html>"
)
SERVER_ERROR = WireError(
    500,
    "The server had an error while processing your request. Sorry about that!",
    result="500",
    kind="server_error",
)
OVERLOADED = WireError(
    503,
    "The engine is currently overloaded, please try again later",
    result="503",
    kind="server_error",
)
SPOKEN = {"500": SERVER_ERROR, "503": OVERLOADED}
"""Failures that the provider itself tells, each wire in its words."""
DRIP_SECONDS = 0.2
"""Between two bytes of a reply that drips."""
STRAYS = ("Melancholy", "Bewilderment", "mixed feelings", "N/A")


def fault_of(draw: Draw, options: EndpointOptions) -> str | None:
    """Return the kind of failure that strikes a request, if one does."""
    if not draw.hits("fail", options.fail_share):
        return None
    if options.fail_kind == "mix":
        return MIX[draw.below("fault", len(MIX))]
    return options.fail_kind


async def strike(kind: str, request: Request) -> Response:
    """Return the reply of a failed call, or end the connection without one.

    `truncated` is not made here: it strikes an answer that was already made. Raises WireError for
    what the provider itself tells.
    """
    match kind:
        case "reset":
            reset(request)
            await gone(request.receive)
            return Response()
        case "hang":
            request.scope["extensions"][HANGS] = True
            await gone(request.receive)
            return Response()
        case "drip":
            return Dripping()
        case "html":
            return page(200, "Just a moment...")
        case "502":
            return page(502, "502 Bad Gateway")
    raise SPOKEN[kind]


def in_batch(kind: str) -> tuple[int | None, Any]:
    """Return what a failed line of a batch comes to: a status and JSON, or no status at all."""
    if kind in {"reset", "hang", "drip"}:
        return None, None
    return SERVER_ERROR.status, {"error": SERVER_ERROR.error}


def json_of(response: Response) -> Any:
    """Return a reply's JSON as a line of a batch holds it; as a string where it is cut off."""
    try:
        return orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return bytes(response.body).decode()


def page(status: int, title: str) -> Response:
    """Return an HTML page, as gateways in front of a provider send it."""
    return Response(PAGE.format(title=title), status, media_type="text/html")


def reset(request: Request) -> None:
    """Break the connection so that the client sees a reset."""
    transport = transport_of(request.scope)
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        # Closing with linger 0 sends RST in place of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def gone(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def transport_of(scope: Mapping[str, Any]) -> Any:
    """Return the connection's transport, which `launch.Protocol` leaves in the scope."""
    return scope["extensions"][TRANSPORT]


class Truncated(Response):
    """A reply whose connection ends in the middle of the body it announced."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then close."""
        half = bytes(self.body)[: len(self.body) // 2]
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport_of(scope).close()
        await gone(receive)


class Dripping(Response):
    """A reply that has begun and goes on byte by byte, without an end."""

    media_type = "application/json"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then a space now and then for as long as the client listens."""
        scope["extensions"][HANGS] = True
        del self.headers["content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        leaving = asyncio.ensure_future(gone(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.wait([leaving], timeout=DRIP_SECONDS)


def distorted(items: list[Item], draw: Draw, options: EndpointOptions) -> list[Item]:
    """Return the answer's items with whatever goes wrong in them."""
    for purpose, share, distort in (
        ("stray", options.stray_share, with_stray_label),
        # Before any are left out: a surplus item must not take the name of one that is missing.
        ("wrong_count", options.wrong_count_share, with_surplus_items),
        ("missing", options.missing_share, with_missing_items),
        ("reorder", options.reorder_share, reordered),
    ):
        if draw.hits(purpose, share):
            items = distort(items, draw)
    return items


def with_stray_label(items: list[Item], draw: Draw) -> list[Item]:
    """Put a label that nobody offered first in one item."""
    if not items:
        return items
    at = draw.below("stray item", len(items))
    stray = STRAYS[draw.below("stray label", len(STRAYS))]
    changed = items[at] | {"result": [stray, *items[at]["result"]]}
    return [*items[:at], changed, *items[at + 1 :]]


def with_missing_items(items: list[Item], draw: Draw) -> list[Item]:
    """Leave out one item, or up to half of them."""
    count = 1 + draw.below("missing items", max(1, len(items) // 2))
    left_out = sorted(range(len(items)), key=lambda at: draw.unit(f"leave {at}"))[:count]
    return [item for at, item in enumerate(items) if at not in left_out]


def with_surplus_items(items: list[Item], draw: Draw) -> list[Item]:
    """Add one or two items about samples that nobody sent."""
    count = 1 + draw.below("surplus", 2)
    ranked = items[-1]["result"] if items else []
    kind = items[-1]["name"].rpartition(" ")[0] if items else "Image"
    surplus = range(len(items) + 1, len(items) + 1 + count)
    return [*items, *({"name": f"{kind} {number}", "result": ranked} for number in surplus)]


def reordered(items: list[Item], draw: Draw) -> list[Item]:
    """Put the items in another order; two or more never stay as they were."""
    order = sorted(range(len(items)), key=lambda at: draw.unit(f"order {at}"))
    if order == sorted(order):
        order.reverse()
    return [items[at] for at in order]


def text_of(items: list[Item], draw: Draw, options: EndpointOptions) -> str:
    """Return the answer's text, plain or wrapped in prose and fences."""
    text = written(items)
    if not draw.hits("prose", options.prose_share):
        return text
    wraps: tuple[Callable[[str], str], ...] = (
        lambda text: f"Here are the results:\n\n```json\n{text}\n```\n\nLet me know if I can help!",
        lambda text: f"Sure! Based on the visual cues, this is my ranking:\n{text}",
        lambda text: f"```\n{text}\n```",
    )
    return wraps[draw.below("wrap", len(wraps))](text)
