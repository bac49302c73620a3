"""How this process logs: lines on standard error, without the values of variables."""

import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


class Lenient:
    """A stream whose faults end no work: on a full disk a line of the log is lost, and no more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write a text, if that can be."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Write what is buffered, if that can be."""
        with suppress(OSError):
            self._stream.flush()


def configure() -> None:
    """Set up structlog; its own default prints the locals of a traceback, secrets among them."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", Lenient(sys.stderr))),
        cache_logger_on_first_use=False,
    )
