"""Traces by OpenTelemetry, over OTLP and HTTP; imported where a collector is named (0.4 s)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from core import __version__
from core.traces import TRACEPARENT, Attributes, Kind

LAST_WORD_S = 2.0
"""How long a stop waits until the collector has been told of the last spans."""

KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}
PROPAGATOR = TraceContextTextMapPropagator()


class OtelSpan:
    """A span as OpenTelemetry has it."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, attributes: Attributes, *, fault: str | None = None) -> None:
        """Say more of it."""
        self._span.set_attributes(_said(attributes))
        if fault is not None:
            self._span.set_attribute("error.type", fault)
            self._span.set_status(Status(StatusCode.ERROR))

    def rename(self, name: str) -> None:
        """Name it."""
        self._span.update_name(name)


class OtelTraces:
    """Spans, gathered and sent to the collector by a thread; what is left is sent at the end.

    Sampling, headers, time-outs and the size of batches are as OpenTelemetry's variables say.
    """

    on = True

    def __init__(self) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer: Tracer = self._provider.get_tracer("gerbench", __version__)

    def close(self) -> None:
        """Tell of the last spans, if the collector takes them soon; it may be gone for good."""
        last = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        last.start()
        last.join(LAST_WORD_S)

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        parent: str | None = None,
        kind: Kind = "internal",
    ) -> Iterator[OtelSpan]:
        """Begin a span; lines of the log that are written in it say its trace."""
        context = PROPAGATOR.extract({"traceparent": parent or TRACEPARENT.get() or ""})
        span = self._tracer.start_span(
            name, context, kind=KINDS[kind], attributes=_said(attributes)
        )
        found = span.get_span_context()
        trace_id = f"{found.trace_id:032x}"
        token = TRACEPARENT.set(f"00-{trace_id}-{found.span_id:016x}-{found.trace_flags:02x}")
        try:
            with bound_contextvars(trace_id=trace_id):
                yield OtelSpan(span)
        except BaseException as error:
            OtelSpan(span).note({}, fault=type(error).__name__)
            raise
        finally:
            TRACEPARENT.reset(token)
            span.end()


def _resource() -> Resource:
    """Return what the spans are of, as the environment names it, else by our own name."""
    named = OTELResourceDetector().detect().attributes
    own = {SERVICE_NAME: "gerbench", SERVICE_VERSION: __version__}
    return Resource.create({**own, **named})


def _said(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
