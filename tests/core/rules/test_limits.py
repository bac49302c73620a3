from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.gates import Gate
from core.rules.limits import MINUTE_BUCKET_S, MINUTE_S, Pace, Window, least
from core.rules.standing import backoff_s


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 5)), max_size=80), st.floats(0, 100))
def test_window_never_forgets_early_and_never_late(
    uses: list[tuple[float, int]], after: float
) -> None:
    window, exact, now = Window(MINUTE_S, MINUTE_BUCKET_S), deque[tuple[float, int]](), 0.0
    for gap, amount in uses:
        now += gap
        window.add(now, amount, 10 * amount)
        exact.append((now, amount))
    now += after
    window.prune(now)

    held = sum(amount for at, amount in exact if at + 60 > now)
    late = sum(amount for at, amount in exact if at + 60.31 > now)
    assert held <= window.requests <= late
    assert window.tokens == 10 * window.requests


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60), st.data())
def test_room_is_there_when_the_window_says_so(gaps: list[float], data: st.DataObject) -> None:
    window, now = Window(MINUTE_S, MINUTE_BUCKET_S), 0.0
    for gap in gaps:
        now += gap
        window.add(now, 1, 7)
    window.prune(now)
    excess = data.draw(st.integers(1, window.requests + 2))

    leaves = window.requests_leave(excess)

    if excess > window.requests:
        assert leaves is None
    else:
        assert leaves is not None
        before = window.requests
        window.prune(leaves)
        assert before - window.requests >= excess


def test_window_does_not_grow_with_what_is_in_it() -> None:
    window = Window(MINUTE_S, MINUTE_BUCKET_S)
    for number in range(100_000):
        window.add(number / 100, 1, 1)
        window.prune(number / 100)

    assert len(window._buckets) <= 243


@given(st.lists(st.floats(0, 5), min_size=2, max_size=50), st.integers(1, 600))
def test_silent_gate_lets_nothing_go_sooner_than_the_rate(gaps: list[float], rpm: int) -> None:
    gate, now, moments = Gate(), 1000.0, list[float]()
    for gap in gaps:
        now += gap
        moment = gate.opens(now, 1, rpm / 60, 1.0)
        gate.take(moment, now, 1, rpm / 60, 1.0)
        moments.append(moment)

    for earlier, later in pairwise(moments):
        assert later - earlier >= 60 / rpm - 1e-5


def test_gate_of_tokens_goes_into_debt_for_a_large_call_and_waits_it_out() -> None:
    gate = Gate()
    assert gate.opens(0.0, 500, 10.0, 10.0) == 0
    gate.take(0.0, 0.0, 500, 10.0, 10.0)

    assert gate.opens(0.0, 1, 10.0, 10.0) == pytest.approx((490 + 1) / 10)


def test_unknown_rate_climbs_until_the_first_429_and_then_steps() -> None:
    pace = Pace()
    climbed = []
    for _ in range(3):
        pace.rise(None)
        climbed.append(pace.rpm(None))
    pace.fall(None, used=10)
    fallen = pace.rpm(None)
    pace.rise(None)

    assert climbed == [66, 72, 78]
    assert fallen == 39
    assert pace.rpm(None) == pytest.approx(39.1)


def test_429_leaves_a_rate_near_what_was_sent() -> None:
    pace = Pace()
    pace.found = 3600.0
    for _ in range(5):
        pace.fall(None, used=600)

    assert pace.rpm(None) == 540


def test_known_rate_is_never_exceeded() -> None:
    pace = Pace()
    pace.fall(600, used=0)
    assert pace.rpm(600) == 300
    for _ in range(10_000):
        pace.rise(600)
        assert pace.rpm(600) <= 600

    assert pace.rpm(600) == 600


def test_waits_double_up_to_a_minute() -> None:
    assert [backoff_s(n) for n in (1, 2, 3, 6, 7, 100)] == [1, 2, 4, 32, 60, 60]


@pytest.mark.parametrize(
    ("one", "other", "smaller"), [(None, None, None), (1, None, 1), (None, 2, 2), (3, 2, 2)]
)
def test_a_limit_that_is_not_known_limits_nothing(
    one: int | None, other: int | None, smaller: int | None
) -> None:
    assert least(one, other) == smaller
