import heapq
from collections import deque
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.crowds import MOST, START, Crowd

SECONDS = 120.0


@dataclass
class Server:
    """Works on `places` calls at a time; others stand in line, or are turned away."""

    places: int
    service_s: float = 0.5
    jitter: float = 0.0
    turns_away: bool = False
    breaks: float = 0.0
    """The share of calls that fail whatever their number."""
    busy: int = 0
    line: deque[tuple[int, float]] = field(default_factory=deque)


class Drive:
    """A caller that always has more to send, in virtual time."""

    def __init__(self, server: Server, fixed: int | None = None, seed: int = 0) -> None:
        self.server, self.fixed, self.random = server, fixed, Random(seed)
        self.crowd = Crowd()
        self.now, self.flying, self.granted, self.done = 0.0, 0, 0, 0
        self.levels: list[int] = []
        self._events: list[tuple[float, int, bool]] = []
        self._sent: dict[int, float] = {}

    def run(self, seconds: float = SECONDS) -> float:
        """Return what was done in a second."""
        self._send()
        while self._events and self.now < seconds:
            self.now, number, served = heapq.heappop(self._events)
            self._end(number, served)
            self.levels.append(self.crowd.level)
            self._send()
        return self.done / self.now

    def _send(self) -> None:
        while self.flying < (self.fixed or self.crowd.room):
            self.flying += 1
            self.granted += 1
            self.crowd.grant(self.flying)
            self._sent[self.granted] = self.now
            if self.server.busy < self.server.places:
                self._serve(self.granted)
            elif self.server.turns_away:
                heapq.heappush(self._events, (self.now + 0.02, self.granted, False))
            else:
                self.server.line.append((self.granted, self.now))

    def _serve(self, number: int) -> None:
        self.server.busy += 1
        spread = self.server.jitter * (2 * self.random.random() - 1)
        at = self.now + self.server.service_s * (1 + spread)
        heapq.heappush(self._events, (at, number, True))

    def _end(self, number: int, served: bool) -> None:
        self.flying -= 1
        if not served:
            self.crowd.cut(number, self.granted)
            return
        self.server.busy -= 1
        if self.server.line:
            self._serve(self.server.line.popleft()[0])
        failed = self.random.random() < self.server.breaks
        self.done += not failed
        self.crowd.settle(number, self.granted, self.now - self._sent.pop(number), failed=failed)


def best(server: Server) -> float:
    """Return what the server does in a second at its best."""
    return server.places / server.service_s


@pytest.mark.parametrize("places", [1, 4, 16, 64, 200])
@pytest.mark.parametrize("jitter", [0.0, 0.5])
def test_server_with_places_and_a_queue_is_kept_busy(places: int, jitter: float) -> None:
    server = Server(places, jitter=jitter)

    assert Drive(server).run() >= 0.9 * best(server)


@pytest.mark.parametrize("places", [4, 16, 64])
def test_its_queue_stays_short(places: int) -> None:
    drive = Drive(Server(places))
    drive.run()

    late = drive.levels[len(drive.levels) // 2 :]
    assert max(late) <= 1.5 * places + 2


@pytest.mark.parametrize("places", [4, 16, 64])
def test_server_that_turns_away_what_is_too_much_is_mostly_spared(places: int) -> None:
    drive = Drive(Server(places, turns_away=True))
    done = drive.run()

    assert done >= 0.8 * best(drive.server)
    assert drive.granted - drive.done <= 0.1 * drive.granted


@pytest.mark.parametrize("seed", range(8))
def test_noise_does_not_keep_it_low_for_good(seed: int) -> None:
    server = Server(64, jitter=0.9)
    drive = Drive(server, seed=seed)
    drive.run()

    assert sorted(drive.levels[len(drive.levels) // 2 :])[len(drive.levels) // 4] >= 48


def test_failures_that_have_nothing_to_do_with_the_number_of_calls_do_not_lower_it() -> None:
    server = Server(64, breaks=0.03)

    assert Drive(server).run() >= 0.85 * best(server)


def test_server_without_a_limit_is_given_the_most() -> None:
    drive = Drive(Server(10_000))
    drive.run(60)

    assert drive.crowd.level == MOST


def test_starts_low_and_doubles_while_that_gets_more_done() -> None:
    drive = Drive(Server(64))
    drive.run(5)

    assert list(dict.fromkeys(drive.levels))[:4] == [8, 16, 32, 64]


def test_does_not_rise_while_its_places_are_not_taken() -> None:
    crowd = Crowd()
    for number in range(1, 200):
        crowd.grant(1)
        crowd.settle(number, number, 0.5, failed=False)

    assert crowd.level == START


def test_one_overrun_cuts_once() -> None:
    crowd = Crowd()
    crowd.level, crowd.climbing = 40, False
    for number in range(1, 21):
        crowd.cut(number, 40)

    assert crowd.level == 30
    crowd.cut(41, 70)
    assert crowd.level == 22


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["settle", "settle", "settle", "fail", "cut", "grant"]),
            st.integers(1, 300),
            st.floats(0, 60),
        ),
        max_size=300,
    )
)
def test_level_is_always_one_that_makes_sense(steps: list[tuple[str, int, float]]) -> None:
    crowd = Crowd()
    for granted, (kind, number, seconds) in enumerate(steps, 1):
        if kind == "grant":
            crowd.grant(number)
        elif kind == "cut":
            crowd.cut(granted, granted)
        else:
            crowd.settle(granted, granted, seconds, failed=kind == "fail")

        assert 1 <= crowd.room <= crowd.level <= MOST
