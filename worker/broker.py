"""The broker of embedded mode: Celery's in-memory transport, with a bell instead of polling."""

import time
from queue import Empty
from threading import Condition
from typing import Any

from kombu.transport import memory
from kombu.utils.scheduling import FairCycle

LOOK_S = 0.5
"""Longest sleep, so that a Celery worker which is told to stop notices."""


class Bell:
    """Rung whenever there may be something to take; a ring that nobody hears is remembered."""

    def __init__(self) -> None:
        self._rung = Condition()
        self._count = 0

    def ring(self) -> None:
        """Wake whoever waits."""
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def heard(self) -> int:
        """Return how often it was rung so far."""
        with self._rung:
            return self._count

    def wait(self, heard: int, seconds: float) -> None:
        """Return once it was rung more than `heard` times, at most so many seconds later."""
        with self._rung:
            self._rung.wait_for(lambda: self._count > heard, seconds)


BELL = Bell()
"""One a process, as kombu's queues in memory are."""


class Channel(memory.Channel):
    """A channel that rings when a message arrives, or an acknowledgement makes room for one."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        BELL.ring()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature is kombu's
        """Acknowledge a message."""
        super().basic_ack(delivery_tag, multiple=multiple)
        BELL.ring()


class Transport(memory.Transport):
    """Messages within this process: taken at once, with nothing spent on waiting for them."""

    Channel = Channel
    cycle: FairCycle

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:  # noqa: ARG002 - the signature is kombu's
        """Deliver a message. Raises TimeoutError when none came for a while."""
        until = time.monotonic() + (LOOK_S if timeout is None else min(timeout, LOOK_S))
        while True:
            # Counted before looking: what arrives after the look rings on.
            heard = BELL.heard()
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = until - time.monotonic()
            else:
                return
            if left <= 0:
                raise TimeoutError
            BELL.wait(heard, left)
