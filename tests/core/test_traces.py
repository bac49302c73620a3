"""Whether anybody is told of spans, and what they cost where nobody is."""

import subprocess
import sys

import pytest

from core.traces import NoTraces, wanted

AT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "lab"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (AT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({**AT, "OTEL_SDK_DISABLED": "True"}, False),
        ({**AT, "OTEL_SDK_DISABLED": "false"}, True),
        ({**AT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**AT, "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], answer: bool) -> None:
    assert wanted(environment) == answer


def test_where_nobody_is_told_a_span_is_the_same_nothing_each_time() -> None:
    traces = NoTraces()

    with traces.span("request", {}) as span:
        span.note({"a": 1}, fault="timeout")

    assert not traces.on
    assert traces.span("another", {}) is span


LOOK = """
import sys
import gerbench.service
from core.traces import of_process
assert not of_process().on
heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "core.otel", "redis")
print([name for name in sys.modules if name.startswith(heavy)])
"""


@pytest.mark.slow
def test_without_a_collector_nothing_of_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)

    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
