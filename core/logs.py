"""How this process logs: lines on standard error, without the values of variables.

What is bound to a piece of work (`request_id` of a call to the API; `job`, `run` and `request` of
work on a job) is on every line that it leads to, wherever in the code that is written.
"""

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO, cast
from uuid import UUID

import orjson
import structlog

from core.settings import LogFormat, LogLevel

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

LEVELS: dict[LogLevel, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

FAULTS = (OSError, ValueError)
"""Of a stream: the second says that it is closed."""


class Lenient:
    """A stream whose faults end no work: on a full disk, or closed, a line is lost and no more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write a text, if that can be."""
        with suppress(*FAULTS):
            self._stream.write(text)

    def flush(self) -> None:
        """Write what is buffered, if that can be."""
        with suppress(*FAULTS):
            self._stream.flush()


def configure(*, form: LogFormat = "console", level: LogLevel = "warning") -> None:
    """Set up structlog; its own default prints the locals of a traceback, secrets among them."""
    structlog.configure(
        processors=[*_common(), *_rendering(form)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=_standard_error()),
        cache_logger_on_first_use=False,
    )


def configure_packages(form: LogFormat) -> None:
    """Have the packages that this process uses log their warnings and worse in the same form.

    Never less: what they say of every request holds its address, and a link that signs in is one.
    """
    handler = logging.StreamHandler(_standard_error())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_common(), structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(form),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _common() -> "list[Processor]":
    """Return what every line is given."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_plain_ids,
    ]


def _with_plain_ids(_: Any, __: str, line: "EventDict") -> "EventDict":
    """Return a line with its ids as text: written so only where there is a line."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in line.items()}


def _rendering(form: LogFormat) -> "list[Processor]":
    """Return what makes a line of it: JSON for programs, or words for people."""
    if form == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_json),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _json(line: Any, **_: Any) -> str:
    """Return a line as JSON; what JSON has no word for as text."""
    return orjson.dumps(line, default=str).decode()


def _standard_error() -> TextIO:
    return cast("TextIO", Lenient(sys.stderr))
