"""Traces: how long each part of the work on a job took, told to a collector where there is one.

OpenTelemetry's own variables decide (`OTEL_EXPORTER_OTLP_ENDPOINT` and its kin). Where they name
no collector, nothing of OpenTelemetry is imported, and a span costs less than a microsecond.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from types import TracebackType
from typing import Literal, Protocol, Self, cast

Kind = Literal["internal", "server", "client"]
Attributes = Mapping[str, str | int | float | None]
"""What is None is left out."""

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The span that is under way, as W3C's header `traceparent` writes it."""


class Span(Protocol):
    """A part of the work, from when it is entered until it is left."""

    def note(self, attributes: Attributes, *, fault: str | None = None) -> None:
        """Say more of it; `fault` is the kind of what went wrong, if something did."""

    def rename(self, name: str) -> None:
        """Name it by what is known only at its end."""


class Traces(Protocol):
    """Makes spans."""

    on: bool
    """Whether anybody is told of them."""

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        parent: str | None = None,
        kind: Kind = "internal",
    ) -> AbstractContextManager[Span]:
        """Return a span below `parent`, else below the one under way, else of a new trace.

        What raises in it ends it, and no word of that is told: it may quote what was sent.
        """

    def close(self) -> None:
        """End: tell of what is left, for at most two seconds."""


class NoSpan:
    """A span of which nobody is told; one does for all."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Do nothing."""

    def note(self, attributes: Attributes, *, fault: str | None = None) -> None:
        """Do nothing."""

    def rename(self, name: str) -> None:
        """Do nothing."""


class NoTraces:
    """Where there is no collector."""

    on = False
    _span = NoSpan()

    def span(
        self,
        name: str,  # noqa: ARG002 - as Traces has it
        attributes: Attributes,  # noqa: ARG002
        *,
        parent: str | None = None,  # noqa: ARG002
        kind: Kind = "internal",  # noqa: ARG002
    ) -> NoSpan:
        """Return what costs nothing."""
        return self._span

    def close(self) -> None:
        """Do nothing."""


def wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether an environment names a collector, and nothing in it says not to trace."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    named = any(environment.get(name, "").strip() for name in ENDPOINTS)
    return named and not disabled and exporter != "none"


@cache
def of_process() -> Traces:
    """Return the traces of this process."""
    if not wanted(os.environ):
        return NoTraces()
    return cast("Traces", import_module("core.otel").OtelTraces())
