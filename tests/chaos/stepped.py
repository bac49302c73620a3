"""Runs gerbench with a clock that a test may set: `python -m tests.chaos.stepped up …`.

SIGUSR1 sets it an hour ahead, SIGUSR2 an hour back, as an administrator would; AHEAD_S in
the environment says by how much it is wrong from the start.
"""

import datetime as dt
import os
import signal
import time
from typing import Any

HOUR = 3600.0
_true = time.time
_original = dt.datetime
_ahead = [float(os.environ.get("AHEAD_S", "0"))]


class _Kind(type(_original)):  # type: ignore[misc]
    """Times made by code in C are times, too."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _original)


class _Stepped(_original, metaclass=_Kind):
    """`datetime` by the clock that is set."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return _original.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _original.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)


def _set(number: int, _: object) -> None:
    _ahead[0] += HOUR if number == signal.SIGUSR1 else -HOUR


if __name__ == "__main__":
    time.time = lambda: _true() + _ahead[0]
    dt.datetime = _Stepped  # type: ignore[misc]
    for each in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(each, _set)
    from gerbench.cli.main import main

    main()
