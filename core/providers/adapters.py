"""Which adapter speaks which wire format."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from core.providers import (
    anthropic_messages,
    gemini_generate,
    openai_chat,
    openai_responses,
)
from core.providers.body import Body
from core.rules.pictures import Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import ModelSpec
from core.vocabulary import Detail


class Adapter(Protocol):
    """A wire format: how a prompt is written in it, and how a reply is read. Pure."""

    def build(self, model: ModelSpec, prompt: Prompt, detail: Detail) -> Body:
        """Return the request's body."""

    def url(self, model: ModelSpec) -> str:
        """Return the address that takes the request."""

    def headers(self, model: ModelSpec, secret: str | None) -> dict[str, str]:
        """Return the request's headers; `secret` is None for a model without credentials."""

    def read(self, exchange: Exchange, *, now: datetime) -> Reading:
        """Return what an exchange means, whatever came back."""


ADAPTERS: Mapping[str, Adapter] = {
    "openai-chat": openai_chat,
    "openai-responses": openai_responses,
    "anthropic-messages": anthropic_messages,
    "gemini-generate": gemini_generate,
}
"""By `ModelSpec.wire`."""


def adapter_for(wire: str) -> Adapter:
    """Return the adapter of a wire format that `ModelSpec` allows."""
    return ADAPTERS[wire]
