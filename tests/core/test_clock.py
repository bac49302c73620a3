"""The clock of a process, against clocks that are set."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SLEW, Clock

HOUR = 3600.0


class Times:
    """A machine's two clocks: one runs, one may be set."""

    def __init__(self) -> None:
        self.ran, self.offset = 50.0, 1_700_000_000.0
        self.clock = Clock(lambda: self.ran + self.offset, lambda: self.ran)

    def off(self) -> float:
        """Return by how much the clock is ahead of the system's."""
        return self.clock.now().timestamp() - (self.ran + self.offset)


def test_it_is_the_system_s_time() -> None:
    before = time.time()
    now = Clock().now()

    assert now.tzinfo is UTC
    assert before - 0.001 <= now.timestamp() <= time.time() + 0.001
    assert abs(datetime.now(UTC) - now).total_seconds() < 60


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_is_not_taken_at_once_but_followed(step: float) -> None:
    times = Times()
    times.offset += step

    assert times.off() == pytest.approx(-step)
    times.ran += 60
    assert times.off() == pytest.approx(-step + (6 if step > 0 else -6))
    times.ran += 10 * HOUR
    assert times.off() == pytest.approx(0)


def test_what_the_system_slews_is_followed_at_once() -> None:
    times = Times()
    times.ran += 100
    times.offset += 0.05

    assert times.off() == pytest.approx(0)


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.floats(-2 * HOUR, 2 * HOUR)), min_size=1, max_size=30)
)
def test_it_never_goes_back_and_keeps_its_pace_within_a_tenth(
    events: list[tuple[float, float]],
) -> None:
    times = Times()
    for ran, step in events:
        before = times.clock.now()
        times.ran += ran
        times.offset += step

        past = (times.clock.now() - before).total_seconds()

        assert ran * (1 - SLEW) - 0.001 <= past <= ran * (1 + SLEW) + 0.001
