"""Anthropic's Messages API."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gerbench.endpoint import tokens
from gerbench.endpoint.prompts import Ask, Image, asked, image_of, pieces
from gerbench.endpoint.throttle import Shown
from gerbench.endpoint.wire import WireError, invalid_body, json_response
from gerbench.endpoint.wires import Said, openai

NAME = "anthropic-messages"
NO_TEMPERATURE = "2026-10-21"
"""From this version on a temperature is an error."""
STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
RATES = {
    "rpm": "requests per minute",
    "rpd": "requests per day",
    "tpm": "tokens per minute",
    "concurrency": "concurrent connections",
}


class Source(BaseModel):
    """The bytes of an image; addresses are not fetched."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class Block(BaseModel):
    """A block of a message."""

    type: Literal["text", "image"]
    text: str | None = None
    source: Source | None = None


class Message(BaseModel):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class MessagesBody(BaseModel):
    """The part of a request that this endpoint understands."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    max_tokens: int = Field(ge=1)
    system: str | list[Block] | None = None
    temperature: float | None = Field(None, ge=0, le=1)
    stream: Literal[False] | None = None


def key(request: Request) -> str | None:
    """Return the key, which may also be a bearer token.

    Raises WireError where the version of the wire is not named.
    """
    if "anthropic-version" not in request.headers:
        facts = {"where": "anthropic-version", "fault": "header is required"}
        raise WireError(400, "", result="rejected", facts=facts)
    return request.headers.get("x-api-key") or openai.key(request)


def read(body: bytes, around: Mapping[str, str]) -> Ask:
    """Return what a request asks; raises WireError."""
    try:
        wanted = MessagesBody.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from error
    if wanted.temperature is not None and around["anthropic-version"] >= NO_TEMPERATURE:
        facts = {"where": "temperature", "fault": "Extra inputs are not permitted"}
        raise WireError(400, "", result="rejected", facts=facts)
    return asked(
        _shown(wanted), model=wanted.model, max_tokens=wanted.max_tokens, count=_image_tokens
    )


def completion(said: Said) -> dict[str, Any]:
    """Return a message."""
    refusal = said.message.get("refusal")
    stop = "refusal" if refusal else STOPS[said.finish_reason]
    details = {"type": "refusal", "category": None, "explanation": refusal}
    return {
        "id": f"msg_{said.identity}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [{"type": "text", "text": said.text}] if said.text else [],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": details if stop == "refusal" else None,
        "usage": {
            "input_tokens": said.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": said.completion_tokens,
            "service_tier": "standard",
        },
    }


def failure(error: WireError) -> Response:
    """Return an error in Anthropic's words."""
    status, kind, words = _words(error)
    body = {
        "type": "error",
        "error": {"type": kind, "message": words},
        "request_id": f"req_{uuid4().hex[:24]}",
    }
    wait = error.headers.get("retry-after")
    return json_response(body, status, {"retry-after": wait} if wait else {})


def limits(shown: Mapping[str, Shown]) -> dict[str, str]:
    """Return the anthropic-ratelimit headers; a reset is a moment."""
    headers = {}
    for kind, limit in shown.items():
        reset = datetime.now(UTC) + timedelta(seconds=math.ceil(limit.reset_s))
        headers[f"anthropic-ratelimit-{kind}-limit"] = str(limit.limit)
        headers[f"anthropic-ratelimit-{kind}-remaining"] = str(limit.remaining)
        headers[f"anthropic-ratelimit-{kind}-reset"] = reset.strftime("%Y-%m-%dT%H:%M:%SZ")
    return headers


def signature(spent_ms: int) -> dict[str, str]:
    """Return the headers that every reply has."""
    del spent_ms
    return {
        "request-id": f"req_{uuid4().hex[:24]}",
        "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
    }


def _words(error: WireError) -> tuple[int, str, str]:  # noqa: PLR0911 - one for each kind of error
    """Return an error's status, type and message."""
    facts, invalid = error.facts, "invalid_request_error"
    match error.result:
        case "unauthorized":
            return 401, "authentication_error", "invalid x-api-key"
        case "refused":
            return 400, invalid, "Output blocked by content filtering policy"
        case "quota":
            low = "Your credit balance is too low to access the Anthropic API."
            return 400, invalid, f"{low} Please go to Plans & Billing to purchase credits."
        case "rate_limited":
            rate = f"{facts['limit']} {RATES[facts['rate']]}"
            words = f"This request would exceed your organization's rate limit of {rate}."
            return 429, "rate_limit_error", words
        case "503":
            return 529, "overloaded_error", "Overloaded"
        case "500":
            return 500, "api_error", "Internal server error"
        case "too_large" if "most_images" in facts:
            images = f"0 document pages + {facts['images']} images > {facts['most_images']}"
            return 400, invalid, f"messages.0.content: Too much media: {images}"
        case "too_large":
            return 413, "request_too_large", "Request exceeds the maximum size"
        case _ if "where" in facts:
            return 400, invalid, f"{facts['where']}: {facts['fault']}"
        case _:
            return 400, invalid, "messages.0.content: Could not process image"


def _image_tokens(image: Image) -> int:
    height, width = image.gray.shape
    return tokens.by_area(width, height)


def _shown(wanted: MessagesBody) -> Iterator[str | Image]:
    """Yield texts and images in order."""
    contents = [wanted.system or [], *(message.content for message in wanted.messages)]
    for content in contents:
        if isinstance(content, str):
            yield from pieces(content)
            continue
        for block in content:
            if block.source is not None:
                yield image_of(block.source.data, "high")
            elif block.text is not None:
                yield block.text
