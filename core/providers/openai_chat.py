"""OpenAI's chat completions, which most gateways and local servers speak too."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.providers import replies, writing
from core.providers.body import Body
from core.providers.replies import Spoken, first, mapping, textual, usage, word
from core.providers.writing import Part
from core.rules.pictures import Picture, Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import ModelSpec
from core.vocabulary import Detail

# These models answer `max_tokens` with 400 unsupported_parameter (openai-python#2046). Everybody
# else's servers know `max_tokens`, and many do not know its successor. Azure's gpt-35-* is GPT-3.5.
NEWER = re.compile(r"(?:^|/|^ft:)(?:o[1-9]|gpt-[5-9])(?![0-9])")

CUT = frozenset({"length", "max_tokens", "model_length"})
"""Finish reasons of an answer cut at the token limit: OpenAI, Gemini, Mistral."""


def build(model: ModelSpec, prompt: Prompt, detail: Detail) -> Body:
    """Return the body: one user message with the instructions, then each item under its name."""

    def image(picture: Picture, source: str | Part) -> Part:
        url = writing.data_url(picture, source)
        return {"type": "image_url", "image_url": {"url": url, "detail": detail.value}}

    parts, sent = writing.content(prompt, _text, image)
    rest = _settings(model)
    messages = [{"role": "user", "content": sent}]
    return writing.body(
        b'{"messages":[{"role":"user","content":[',
        parts,
        b"]}]" + writing.members(rest),
        {"messages": messages, **rest},
    )


def url(model: ModelSpec) -> str:
    """Return the address of chat completions."""
    return writing.address(model, "/chat/completions")


def headers(model: ModelSpec, secret: str | None) -> dict[str, str]:
    """Return the headers, with the secret as a bearer token. Raises MissingCredential."""
    return writing.headers(model, secret, writing.BEARER)


def read(exchange: Exchange, *, now: datetime) -> Reading:
    """Return what an exchange means. Never raises, whatever the bytes."""
    return replies.read(exchange, _spoken, now=now)


def _settings(model: ModelSpec) -> dict[str, Any]:
    """Return all of the body but its messages."""
    bound = "max_completion_tokens" if NEWER.search(model.model) else "max_tokens"
    settings: dict[str, Any] = {"model": model.model, bound: model.max_tokens}
    if model.temperature is not None:
        settings["temperature"] = model.temperature
    return settings


def _text(words: str) -> Part:
    return {"type": "text", "text": words}


def _spoken(document: Mapping[str, Any]) -> Spoken:
    """Return what a completion says. OpenRouter may put an error into the choice."""
    choice = first(document.get("choices"))
    message = mapping(choice.get("message"))
    finish = word(choice.get("finish_reason")).casefold()
    refusal = word(message.get("refusal"))
    # Gemini's compatible endpoint adds its own word: "content_filter: PROHIBITED_CONTENT".
    if not refusal.strip() and finish.startswith("content_filter"):
        refusal = f"finish_reason: {finish}"
    return Spoken(
        textual(message.get("content")),
        usage(document.get("usage"), ("prompt_tokens",), ("completion_tokens",)),
        refusal=refusal,
        cut=f"finish_reason: {finish}" if finish in CUT else None,
        error=choice.get("error"),
    )
