"""OpenAI's Responses API."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from gerbench.endpoint.prompts import Ask, Image, asked, image_in, pieces
from gerbench.endpoint.wire import invalid_body
from gerbench.endpoint.wires import Said
from gerbench.endpoint.wires.openai import failure, image_tokens, key, limits, signature

__all__ = ["NAME", "completion", "failure", "key", "limits", "read", "signature"]

NAME = "openai-responses"
CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""What the reasons for an early end are called here."""


class Part(BaseModel):
    """A part of an item's content."""

    type: Literal["input_text", "output_text", "input_image"]
    text: str | None = None
    image_url: str | None = None
    detail: Literal["low", "high", "auto"] = "auto"


class Item(BaseModel):
    """One message of the input."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]


class ResponseBody(BaseModel):
    """The part of a request that this endpoint understands."""

    model: str = Field(min_length=1)
    input: str | list[Item]
    instructions: str | None = None
    max_output_tokens: int | None = Field(None, ge=16)
    stream: Literal[False] | None = None
    background: Literal[False] | None = None


def read(body: bytes, around: Mapping[str, str]) -> Ask:
    """Return what a request asks; raises WireError."""
    del around
    try:
        wanted = ResponseBody.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from error
    return asked(
        _shown(wanted),
        model=wanted.model,
        max_tokens=wanted.max_output_tokens,
        count=image_tokens,
    )


def completion(said: Said) -> dict[str, Any]:
    """Return a response with one message, or none where nothing is said."""
    cut = CUT.get(said.finish_reason)
    status = "incomplete" if cut else "completed"
    return {
        "id": f"resp_{said.identity}",
        "object": "response",
        "created_at": said.created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "output": _output(said, status),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "store": False,
        "usage": {
            "input_tokens": said.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.prompt_tokens + said.completion_tokens,
        },
    }


def _output(said: Said, status: str) -> list[dict[str, Any]]:
    """Return the messages of a response."""
    content: list[dict[str, Any]] = []
    if said.text:
        content.append({"type": "output_text", "text": said.text, "annotations": []})
    if said.message.get("refusal"):
        content.append({"type": "refusal", "refusal": said.message["refusal"]})
    message = {
        "id": f"msg_{said.identity}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }
    return [message] if content else []


def _shown(wanted: ResponseBody) -> Iterator[str | Image]:
    """Yield texts and images in order."""
    if wanted.instructions:
        yield wanted.instructions
    if isinstance(wanted.input, str):
        yield from pieces(wanted.input)
        return
    for item in wanted.input:
        if isinstance(item.content, str):
            yield from pieces(item.content)
            continue
        for part in item.content:
            if part.image_url is not None:
                yield image_in(part.image_url, part.detail)
            elif part.text is not None:
                yield part.text
