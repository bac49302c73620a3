"""Turns at something that one at a time may have: first come, first served."""

from collections import deque
from threading import Lock


class Turns:
    """A lock that is handed on in the order of asking.

    SQLite's own waiting is by sleeping and looking again: whoever writes one transaction after
    another would keep others out for as long as it goes on.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._taken = False
        self._line: deque[Lock] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for a turn, at most so long; tell whether it came."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            gate = Lock()
            gate.acquire()
            self._line.append(gate)
        if gate.acquire(timeout=seconds):
            return True
        with self._guard:
            if gate in self._line:
                self._line.remove(gate)
                return False
        # It was handed on at the very moment that the wait ended.
        return True

    def give(self) -> None:
        """End a turn; who has waited longest is next."""
        with self._guard:
            if self._line:
                self._line.popleft().release()
            else:
                self._taken = False
