"""Whether a model's endpoint is down, read from how its calls end.

A request that fails again and again is given up; an endpoint that is down fails every request, and
says nothing of any. So while it is down failures are not counted, and one call at a time tries.
"""

from core.vocabulary import Result

FAULTS = frozenset({Result.SERVER_ERROR, Result.TIMEOUT, Result.RESET, Result.MALFORMED})
"""Ends of a call that an endpoint that is down may give it."""

IN_A_ROW = 5
"""Calls that end in a fault, with no other between, before the endpoint is taken to be down."""

REQUESTS = 3
"""Different requests among them, at least: one or two that always fail may be at fault."""

FIRST_REST_S, LONGEST_REST_S = 1.0, 30.0
"""Between two tries while it is down; doubled from one to the next."""


class Outage:
    """What the ends of one model's calls say of its endpoint. `now` is of any steady clock."""

    def __init__(self) -> None:
        self._faults = 0
        self._requests: set[int] = set()
        self._rest_s = FIRST_REST_S
        self._until = 0.0

    @property
    def down(self) -> bool:
        """Tell whether the endpoint is taken to be down."""
        return self._faults >= IN_A_ROW and len(self._requests) >= REQUESTS

    def hear(self, request_id: int, result: Result, now: float) -> None:
        """Learn from the end of a call. Anything but a fault comes from an endpoint that is up."""
        if result not in FAULTS:
            self._faults, self._rest_s = 0, FIRST_REST_S
            self._requests.clear()
            return
        tried = self.down and now >= self._until
        self._faults += 1
        if len(self._requests) < REQUESTS:
            self._requests.add(request_id)
        if tried:
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
        if self.down and now >= self._until:
            self._until = now + self._rest_s

    def rest_s(self, now: float) -> float:
        """Return the seconds until a call may try again; 0 if one may now."""
        return max(0.0, self._until - now) if self.down else 0.0
