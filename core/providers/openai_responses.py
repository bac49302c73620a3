"""OpenAI's Responses API."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from core.providers import replies, writing
from core.providers.body import Body
from core.providers.replies import Spoken, mapping, mappings, textual, usage, word
from core.providers.writing import Part
from core.rules.pictures import Picture, Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import ModelSpec
from core.vocabulary import Detail

CUT = frozenset({"max_output_tokens", "length"})
"""Why an incomplete response ended at the token limit: OpenAI, vLLM."""
UNFINISHED = frozenset({"failed", "cancelled"})


def build(model: ModelSpec, prompt: Prompt, detail: Detail) -> Body:
    """Return the body: one user message; the provider is asked to keep nothing of it."""

    def image(picture: Picture, source: str | Part) -> Part:
        url = writing.data_url(picture, source)
        return {"type": "input_image", "image_url": url, "detail": detail.value}

    parts, sent = writing.content(prompt, _text, image)
    rest: Part = {"model": model.model, "max_output_tokens": model.max_tokens, "store": False}
    if model.temperature is not None:
        rest["temperature"] = model.temperature
    return writing.body(
        b'{"input":[{"role":"user","content":[',
        parts,
        b"]}]" + writing.members(rest),
        {"input": [{"role": "user", "content": sent}], **rest},
    )


def url(model: ModelSpec) -> str:
    """Return the address of responses."""
    return writing.address(model, "/responses")


def headers(model: ModelSpec, secret: str | None) -> dict[str, str]:
    """Return the headers, with the secret as a bearer token. Raises MissingCredential."""
    return writing.headers(model, secret, writing.BEARER)


def read(exchange: Exchange, *, now: datetime) -> Reading:
    """Return what an exchange means. Never raises, whatever the bytes."""
    return replies.read(exchange, _spoken, now=now)


def _text(words: str) -> Part:
    return {"type": "input_text", "text": words}


def _spoken(document: Mapping[str, Any]) -> Spoken:
    """Return what a response says: the text of its messages, not that of its reasoning.

    `output_tokens` holds the tokens of the reasoning, `input_tokens` those found in the cache.
    """
    parts = list(_said(document))
    refusals = list(filter(None, (word(part.get("refusal")) for part in parts)))
    why = word(mapping(document.get("incomplete_details")).get("reason"))
    reason = f"incomplete: {why}"
    if why == "content_filter":
        refusals.append(reason)
    status, error = word(document.get("status")), document.get("error")
    if not error and status in UNFINISHED:
        error = {"message": f"the response is {status}", "code": "server_error"}
    return Spoken(
        textual([part for part in parts if part.get("type") == "output_text"]),
        usage(document.get("usage"), ("input_tokens",), ("output_tokens",)),
        refusal=" ".join(refusals),
        cut=reason if why in CUT else None,
        error=error,
    )


def _said(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of all messages, in order."""
    for item in mappings(document.get("output")):
        if item.get("type") == "message":
            yield from mappings(item.get("content"))
