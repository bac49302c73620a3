"""Anthropic's Messages API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.providers import replies, writing
from core.providers.body import Body
from core.providers.replies import Spoken, mapping, mappings, textual, usage, word
from core.providers.writing import Part
from core.rules.pictures import Picture, Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import Auth, ModelSpec
from core.vocabulary import Detail

AUTH = Auth(header="x-api-key")
VERSION, VERSION_WITH_TEMPERATURE = "2026-10-21", "2023-06-01"
"""Of the wire: the latest, and the last in which a temperature is no error
(platform.claude.com/docs/en/api/versioning)."""
CUT = frozenset({"max_tokens", "model_context_window_exceeded"})
PROMPT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""`input_tokens` leaves out what was written to the cache and what was read from it."""


def build(model: ModelSpec, prompt: Prompt, detail: Detail) -> Body:
    """Return the body: one user message. This wire knows no image detail."""
    del detail
    parts, sent = writing.content(prompt, _text, _image)
    rest: Part = {"model": model.model, "max_tokens": model.max_tokens}
    if model.temperature is not None:
        rest["temperature"] = model.temperature
    return writing.body(
        b'{"messages":[{"role":"user","content":[',
        parts,
        b"]}]" + writing.members(rest),
        {"messages": [{"role": "user", "content": sent}], **rest},
    )


def url(model: ModelSpec) -> str:
    """Return the address of messages."""
    return writing.address(model, "/messages")


def headers(model: ModelSpec, secret: str | None) -> dict[str, str]:
    """Return the headers, with the secret in `x-api-key`. Raises MissingCredential."""
    version = VERSION if model.temperature is None else VERSION_WITH_TEMPERATURE
    return writing.headers(model, secret, AUTH, {"anthropic-version": version})


def read(exchange: Exchange, *, now: datetime) -> Reading:
    """Return what an exchange means. Never raises, whatever the bytes."""
    return replies.read(exchange, _spoken, now=now)


def _text(words: str) -> Part:
    return {"type": "text", "text": words}


def _image(picture: Picture, source: str | Part) -> Part:
    data = {"type": "base64", "media_type": picture.mime, "data": source}
    return {"type": "image", "source": data}


def _spoken(document: Mapping[str, Any]) -> Spoken:
    """Return what a message says. `output_tokens` holds the tokens of the thinking."""
    stop = word(document.get("stop_reason"))
    refusal = None
    if stop == "refusal":
        why = word(mapping(document.get("stop_details")).get("explanation"))
        refusal = why if why.strip() else "stop_reason: refusal"
    blocks = mappings(document.get("content"))
    return Spoken(
        textual([block for block in blocks if block.get("type") == "text"]),
        usage(document.get("usage"), PROMPT_COUNTS, ("output_tokens",)),
        refusal=refusal,
        cut=f"stop_reason: {stop}" if stop in CUT else None,
    )
