import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.gates import EVIDENCE, Gate
from core.rules.headers import Seen
from core.rules.words import Counted

LIMIT, RATE = 600, 10.0
ALONE = Counted(1, 0, 0, 0.0)


def learn(gate: Gate, now: float, remaining: int, reset: float, call: Counted = ALONE) -> None:
    seen = Seen(LIMIT, remaining, reset)
    gate.learn(now, seen, call, rate=RATE, burst=1.0, limit=LIMIT)


def bucket(*remaining: int) -> Gate:
    """Return a gate after replies of a bucket that refills ten a second."""
    gate = Gate()
    for number, left in enumerate(remaining):
        learn(gate, number / 100, left, (LIMIT - left) / RATE)
    return gate


def test_resets_that_fit_a_bucket_make_it_one() -> None:
    gate = bucket(*range(599, 599 - EVIDENCE, -1))

    assert gate.refills(1.0)
    assert gate.excuses(1.0, 1, alone=False) == 1.0


@pytest.mark.parametrize("reset", [60.0, 33.0, 0.0])
def test_one_reset_that_does_not_fit_unmakes_it(reset: float) -> None:
    gate = bucket(*range(599, 599 - EVIDENCE, -1))
    learn(gate, 1.0, 500, reset)

    assert not gate.refills(1.0)


def test_a_window_filled_at_once_is_no_bucket_though_its_reset_fits_when_it_is_full() -> None:
    gate = bucket(*range(50, 50 - 4 * EVIDENCE, -1))

    assert not gate.refills(1.0)


def test_a_bucket_is_believed_no_longer_than_the_provider_speaks_of_it() -> None:
    gate = bucket(*range(599, 599 - EVIDENCE, -1))

    assert gate.refills(60.0)
    assert not gate.refills(61.0)


def test_a_429_ends_the_belief_in_a_bucket() -> None:
    gate = bucket(*range(599, 599 - EVIDENCE, -1))
    gate.distrust(1.0)

    assert not gate.refills(1.0)
    assert gate.excuses(1.0, 1, alone=False) is None


def test_a_bucket_keeps_half_a_second_of_refill_for_calls_that_arrive_unevenly() -> None:
    gate = bucket(*range(599, 599 - EVIDENCE, -1))
    learn(gate, 1.0, 5, 59.5)
    gate.take(1.0, 1.0, 5, RATE, 1.0)

    assert gate.opens(1.0, 1, RATE, 1.0) == pytest.approx(1.6)


def test_what_remained_is_there_until_it_is_used() -> None:
    gate = Gate()
    learn(gate, 0.0, 3, 60.0)

    for _ in range(3):
        assert gate.excuses(5.0, 1, alone=False) == 5.0
        gate.take(5.0, 5.0, 1, RATE, 1.0)

    assert gate.excuses(5.0, 1, alone=False) is None


def test_what_surely_remains_may_go_whatever_the_level_says() -> None:
    gate = Gate()
    learn(gate, 0.0, 590, 60.0)
    learn(gate, 1.0, 588, 59.0, Counted(1, 500, 1, 1.0))

    assert gate.sure == 588
    assert gate.opens(1.0, 588, RATE, 1.0) == 1.0


def test_a_window_empties_as_the_log_says_not_evenly() -> None:
    gate = Gate()
    learn(gate, 0.0, 599, 60.0)
    gate.take(0.0, 0.0, 599, RATE, 1.0)
    learn(gate, 60.0, 90, 60.0, Counted(1, 60, 30, 0.1))

    assert gate.opens(60.0, 1, RATE, 1.0) == 60.0


def test_a_slow_reply_does_not_tell_how_a_window_empties() -> None:
    gate = Gate()
    learn(gate, 0.0, 599, 60.0)
    gate.take(0.0, 0.0, 599, RATE, 1.0)
    learn(gate, 60.0, 90, 60.0, Counted(1, 90, 30, 5.0))

    assert gate.left == 0


def test_calls_on_their_way_are_not_in_what_remained() -> None:
    gate = Gate()
    learn(gate, 0.0, 10, 60.0, Counted(1, 4, 3, 0.1))

    assert gate.sure == 3


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, LIMIT), st.floats(0, 60)), max_size=40),
    st.integers(1, LIMIT),
)
def test_never_more_at_once_than_was_said_to_remain(
    replies: list[tuple[float, int, float]], amount: int
) -> None:
    gate, now = Gate(), 0.0
    for gap, remaining, reset in replies:
        now += gap
        learn(gate, now, remaining, reset)
    if not replies:
        return
    remaining = replies[-1][1]

    if amount > remaining:
        assert gate.opens(now, amount, RATE, 1.0) > now or amount <= 1
    elif not gate.refills(now) and remaining >= amount:
        assert gate.sure >= amount
