from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.headers import Seen
from core.rules.words import Counted, Word

LIMIT = 60
ALONE = Counted(1, 0, 0, 0.0)


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
    word, remains, flying, coming, newest = Word(), LIMIT, 0, 0, -1
    sent: dict[int, tuple[float, int]] = {}
    named: dict[int, int] = {}
    # Of what happens at one moment a refill is last: what is sure does not count on it.
    order = {"send": 0, "count": 1, "reply": 2, "refill": 3}
    for now, what, number in sorted(events, key=lambda event: (event[0], order[event[1]])):
        if what == "refill":
            remains = min(LIMIT, remains + number)
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
                word.hear(now, Seen(LIMIT, said, None), counted, 60.0)
                newest = number
            word.end(now, said, sent=since, flying=flying)
        assert word.sure <= max(0, remains - coming)


def test_after_the_reset_one_goes_ahead_when_nothing_is_under_way() -> None:
    word = Word()
    word.hear(100.0, Seen(LIMIT, 0, 20.0), ALONE, 60.0)

    assert word.excuses(100.0, 1, alone=True) == pytest.approx(120.05)
    assert word.excuses(130.0, 1, alone=True) == 130.0
    assert word.excuses(130.0, 1, alone=False) is None


def test_nothing_said_excuses_nothing() -> None:
    assert Word().excuses(0.0, 1, alone=True) is None
