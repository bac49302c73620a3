from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.gates import EVIDENCE, Counted, Gate, Word
from core.rules.headers import Seen

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


def test_what_was_left_when_nothing_was_under_way_any_more_is_sure() -> None:
    word = Word()
    word.begin()
    for now, (remaining, flying) in enumerate([(5, 2), (3, 1), (4, 0)]):
        word.end(now, remaining, sent=-1.0, flying=flying)

    assert word.sure == 3


def test_what_the_latest_replies_named_is_sure_but_for_what_is_under_way() -> None:
    word = Word()
    word.end(0.0, 0, sent=-0.1, flying=3)
    word.end(1.0, 40, sent=0.9, flying=3)
    word.end(1.1, 42, sent=0.95, flying=2)

    assert word.sure == 38


def test_slow_replies_do_not_tell_which_was_the_last_to_be_counted() -> None:
    word = Word()
    word.end(0.0, 0, sent=-2.0, flying=3)
    word.end(1.0, 40, sent=-1.0, flying=2)

    assert word.sure == 0


def test_a_reply_that_names_nothing_may_be_the_last_that_was_counted() -> None:
    word = Word()
    word.begin()
    word.end(0.0, 40, sent=-0.1, flying=1)
    word.sure = 0
    word.end(0.1, None, sent=-0.1, flying=0)

    assert word.sure == 0


class Sent(NamedTuple):
    """A call: how long after the one before it leaves, is on its way, and is replied to."""

    after: float
    up: float
    down: float
    mute: bool
    """Whether the reply does not name what remains."""
    late: bool
    """Whether it names what remains when it leaves, not when the call came."""


calls = st.builds(
    Sent,
    after=st.floats(0, 0.5),
    up=st.floats(0, 0.3),
    down=st.floats(0, 0.5) | st.floats(0, 3),
    mute=st.integers(0, 9).map(lambda number: number == 0),
    late=st.booleans(),
)


@given(st.lists(calls, max_size=40), st.lists(st.tuples(st.floats(0, 10), st.integers(1, 60))))
def test_what_is_sure_remains_however_calls_overtake_each_other(
    made: list[Sent], refills: list[tuple[float, int]]
) -> None:
    events: list[tuple[float, str, int]] = [(at, "refill", much) for at, much in refills]
    now = 0.0
    for number, call in enumerate(made):
        now += call.after
        for at, what in ((0, "send"), (call.up, "count"), (call.up + call.down, "reply")):
            events.append((now + at, what, number))
    word, remains, flying, coming, newest = Word(), 60, 0, 0, -1
    sent: dict[int, tuple[float, int]] = {}
    named: dict[int, int] = {}
    # Of what happens at one moment a refill is last: what is sure does not count on it.
    order = {"send": 0, "count": 1, "reply": 2, "refill": 3}
    for now, what, number in sorted(events, key=lambda event: (event[0], order[event[1]])):
        if what == "refill":
            remains = min(60, remains + number)
        elif what == "send":
            if not flying:
                word.begin()
            sent[number] = (now, flying)
            word.sure -= 1
            flying, coming = flying + 1, coming + 1
        elif what == "count":
            remains, coming = remains - 1, coming - 1
            named[number] = remains
        else:
            flying -= 1
            call, (since, ahead) = made[number], sent[number]
            said = None if call.mute else remains if call.late else named[number]
            if number > newest:
                counted = Counted(1, len(sent) - number - 1, ahead, now - since)
                word.hear(now, Seen(60, said, None), counted, 60.0)
                newest = number
            word.end(now, said, sent=since, flying=flying)
        assert word.sure <= max(0, remains - coming)


def test_calls_on_their_way_are_not_in_what_remained() -> None:
    gate = Gate()
    learn(gate, 0.0, 10, 60.0, Counted(1, 4, 3, 0.1))

    assert gate.sure == 3


def test_after_the_reset_one_goes_ahead_when_nothing_is_under_way() -> None:
    word = Word()
    word.hear(100.0, Seen(LIMIT, 0, 20.0), ALONE, 60.0)

    assert word.excuses(100.0, 1, alone=True) == pytest.approx(120.05)
    assert word.excuses(130.0, 1, alone=True) == 130.0
    assert word.excuses(130.0, 1, alone=False) is None


def test_nothing_said_excuses_nothing() -> None:
    assert Word().excuses(0.0, 1, alone=True) is None


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
