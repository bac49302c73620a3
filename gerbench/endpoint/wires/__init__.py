"""The wires that the endpoint speaks: one module for each, all alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from gerbench.endpoint.prompts import Ask
from gerbench.endpoint.throttle import Shown
from gerbench.endpoint.wire import WireError


@dataclass(frozen=True)
class Said:
    """A reply of the model, whatever the wire."""

    identity: str
    created: int
    model: str
    message: Mapping[str, Any]
    """`content`, and `refusal` where it refuses in that way."""
    finish_reason: str
    """stop, length or content_filter."""
    prompt_tokens: int
    completion_tokens: int

    @property
    def text(self) -> str:
        """Return what is said, empty for nothing."""
        return self.message.get("content") or ""


class Wire(Protocol):
    """How a provider is spoken to. Pure but for the request it is shown."""

    NAME: str
    """As the log has it."""

    def key(self, request: Request) -> str | None:
        """Return the API key of a request, if it has one."""

    def read(self, body: bytes, around: Mapping[str, str]) -> Ask:
        """Return what a request asks; `around` are its headers and what its path names.

        Raises WireError.
        """

    def completion(self, said: Said) -> dict[str, Any]:
        """Return the body of a reply."""

    def failure(self, error: WireError) -> Response:
        """Return an error in the provider's own words."""

    def limits(self, shown: Mapping[str, Shown]) -> dict[str, str]:
        """Return the headers that tell limits."""

    def signature(self, spent_ms: int) -> dict[str, str]:
        """Return the headers that every reply has."""
