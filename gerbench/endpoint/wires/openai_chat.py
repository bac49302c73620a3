"""OpenAI's chat completions."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from gerbench.endpoint.prompts import Ask, Image, asked, image_in, pieces
from gerbench.endpoint.wire import invalid_body
from gerbench.endpoint.wires import Said
from gerbench.endpoint.wires.openai import failure, image_tokens, key, limits, signature

__all__ = ["NAME", "completion", "failure", "key", "limits", "read", "signature"]

NAME = "openai-chat"


class ImageUrl(BaseModel):
    """Where an image is; only data: URLs are read."""

    url: str
    detail: Literal["low", "high", "auto"] = "auto"


class Part(BaseModel):
    """A part of a message's content."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None


class ChatBody(BaseModel):
    """The part of a chat request that this endpoint understands."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: Literal[1] | None = None
    stream: Literal[False] | None = None


def read(body: bytes, around: Mapping[str, str] | None = None) -> Ask:
    """Return what a request asks; raises WireError."""
    del around
    try:
        chat = ChatBody.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from error
    return asked(
        _shown(chat),
        model=chat.model,
        max_tokens=chat.max_completion_tokens or chat.max_tokens,
        count=image_tokens,
    )


def completion(said: Said) -> dict[str, Any]:
    """Return a chat completion with one choice."""
    prompt, answer = said.prompt_tokens, said.completion_tokens
    message = {"role": "assistant", "content": None, "refusal": None} | dict(said.message)
    return {
        "id": f"chatcmpl-{said.identity}",
        "object": "chat.completion",
        "created": said.created,
        "model": said.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": said.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_local",
    }


def _shown(chat: ChatBody) -> Iterator[str | Image]:
    """Yield texts and images in order."""
    for message in chat.messages:
        if isinstance(message.content, str):
            yield from pieces(message.content)
        for part in message.content if isinstance(message.content, list) else ():
            if part.image_url is not None:
                yield image_in(part.image_url.url, part.image_url.detail)
            elif part.text is not None:
                yield part.text
