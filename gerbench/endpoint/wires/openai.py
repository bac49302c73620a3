"""What OpenAI's two wires have in common."""

from collections.abc import Mapping
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from gerbench.endpoint import tokens
from gerbench.endpoint.prompts import Image
from gerbench.endpoint.throttle import Shown
from gerbench.endpoint.wire import WireError, duration


def key(request: Request) -> str | None:
    """Return the bearer token of a request."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def image_tokens(image: Image) -> int:
    """Return the tokens of an image as sent. `auto` counts as high."""
    if image.detail == "low":
        return tokens.LOW
    height, width = image.gray.shape
    return tokens.of_size(width, height)


def failure(error: WireError) -> Response:
    """Return an error; its words are OpenAI's already."""
    return error.response({})


def limits(shown: Mapping[str, Shown]) -> dict[str, str]:
    """Return the x-ratelimit headers; a reset is a wait."""
    headers = {}
    for kind, limit in shown.items():
        headers[f"x-ratelimit-limit-{kind}"] = str(limit.limit)
        headers[f"x-ratelimit-remaining-{kind}"] = str(limit.remaining)
        headers[f"x-ratelimit-reset-{kind}"] = duration(limit.reset_s)
    return headers


def signature(spent_ms: int) -> dict[str, str]:
    """Return the headers that every reply has."""
    return {
        "openai-processing-ms": str(spent_ms),
        "openai-version": "2020-10-01",
        "x-request-id": f"req_{uuid4().hex}",
    }
