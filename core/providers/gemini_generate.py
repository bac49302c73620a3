"""Gemini's generateContent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from core.providers import replies, writing
from core.providers.body import Body
from core.providers.replies import Spoken, first, mapping, mappings, textual, usage, word
from core.providers.writing import Part
from core.rules.pictures import Picture, Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import Auth, ModelSpec
from core.vocabulary import Detail

AUTH = Auth(header="x-goog-api-key")
RESOLUTIONS: Mapping[Detail, str] = {
    Detail.LOW: "MEDIA_RESOLUTION_LOW",
    Detail.HIGH: "MEDIA_RESOLUTION_HIGH",
}
"""What a detail is called here; `auto` is left to the model."""
REFUSING = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
"""Finish reasons by which a candidate is withheld, or cut, for what is in it."""
CUT = frozenset({"MAX_TOKENS"})
PROMPT_COUNTS = ("promptTokenCount", "toolUsePromptTokenCount")
"""The first holds what was found in the cache."""
COMPLETION_COUNTS = ("candidatesTokenCount", "thoughtsTokenCount")
"""Thinking is billed as output, and no part of the candidates' count."""


def build(model: ModelSpec, prompt: Prompt, detail: Detail) -> Body:
    """Return the body: one turn of the user."""
    parts, sent = writing.content(prompt, _text, _image)
    settings: Part = {"maxOutputTokens": model.max_tokens}
    if model.temperature is not None:
        settings["temperature"] = model.temperature
    if detail in RESOLUTIONS:
        settings["mediaResolution"] = RESOLUTIONS[detail]
    rest: Part = {"generationConfig": settings}
    return writing.body(
        b'{"contents":[{"role":"user","parts":[',
        parts,
        b"]}]" + writing.members(rest),
        {"contents": [{"role": "user", "parts": sent}], **rest},
    )


def url(model: ModelSpec) -> str:
    """Return the address, which holds the model's id; a tuned model's names its own collection."""
    collection = "" if model.model.startswith(("models/", "tunedModels/")) else "models/"
    return writing.address(model, f"/{collection}{quote(model.model)}:generateContent")


def headers(model: ModelSpec, secret: str | None) -> dict[str, str]:
    """Return the headers, with the secret in `x-goog-api-key`. Raises MissingCredential."""
    return writing.headers(model, secret, AUTH)


def read(exchange: Exchange, *, now: datetime) -> Reading:
    """Return what an exchange means. Never raises, whatever the bytes."""
    return replies.read(exchange, _spoken, now=now)


def _text(words: str) -> Part:
    return {"text": words}


def _image(picture: Picture, source: str | Part) -> Part:
    return {"inlineData": {"mimeType": picture.mime, "data": source}}


def _spoken(document: Mapping[str, Any]) -> Spoken:
    """Return what a response says: the text of its candidate, its thoughts left out."""
    candidate = first(document.get("candidates"))
    finish = word(candidate.get("finishReason"))
    parts = mappings(mapping(candidate.get("content")).get("parts"))
    counts = document.get("usageMetadata")
    return Spoken(
        textual([part for part in parts if not part.get("thought")]),
        # A prompt that was blocked has no candidates to count.
        usage(counts, PROMPT_COUNTS, COMPLETION_COUNTS, default=0),
        refusal=_refusal(document, candidate),
        cut=f"finishReason: {finish}" if finish in CUT else None,
    )


def _refusal(document: Mapping[str, Any], candidate: Mapping[str, Any]) -> str | None:
    """Return why the prompt was blocked or the candidate withheld; None where neither was.

    A response that is whole and holds no candidate is a prompt that was blocked without a word.
    """
    blocked = mapping(document.get("promptFeedback")).get("blockReason")
    if blocked:
        return f"blockReason: {blocked}"
    finish = word(candidate.get("finishReason"))
    if finish in REFUSING:
        return f"finishReason: {finish} {word(candidate.get('finishMessage'))}"
    whole = "usageMetadata" in document or "promptFeedback" in document
    return "no candidates" if whole and not document.get("candidates") else None
