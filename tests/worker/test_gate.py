"""No more calls are at a provider than it takes, and none waits long with its attempt written."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import gate as gates
from worker.gate import WRITE_S, Gate

T = TypeVar("T")


def ran(work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of some work on a loop."""
    return asyncio.run(work)


async def steps() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_as_many_enter_as_there_are_places_and_the_others_in_their_order() -> None:
    async def work() -> list[int]:
        gate, entered = Gate(), list[int]()

        async def call(number: int) -> None:
            await gate.enter(2)
            entered.append(number)

        calls = [asyncio.ensure_future(call(number)) for number in range(4)]
        await steps()
        first = list(entered)
        gate.leave(0.01)
        await steps()
        second = list(entered)
        gate.leave(0.01)
        await asyncio.gather(*calls)
        assert (first, second) == ([0, 1], [0, 1, 2])
        return entered

    assert ran(work()) == [0, 1, 2, 3]


def test_where_places_are_not_counted_here_all_enter() -> None:
    async def work() -> list[bool]:
        gate = Gate()
        return [await gate.enter(None) for _ in range(100)]

    assert all(ran(work()))


def test_it_tells_how_many_are_inside_where_places_are_counted() -> None:
    async def work() -> list[int | None]:
        gate = Gate()
        told = [gate.taken]
        for _ in range(2):
            await gate.enter(3)
        told.append(gate.taken)
        gate.leave(0.01)
        return [*told, gate.taken]

    assert ran(work()) == [None, 2, 1]


@pytest.mark.parametrize(
    ("places", "lasts_s", "ahead"),
    [(100, WRITE_S * 10, 10), (100, WRITE_S, 50), (4, WRITE_S * 10, 0), (4, 30.0, 0), (1, 0.01, 0)],
)
def test_so_many_have_room_ahead_as_end_while_an_attempt_is_written_and_half_at_most(
    places: int, lasts_s: float, ahead: int
) -> None:
    async def work() -> int:
        gate = Gate()
        await gate.enter(places)
        gate.leave(lasts_s)
        return gate.ahead(places)

    assert ran(work()) == pytest.approx(ahead, abs=1 if ahead == 10 else 0)


def test_none_has_room_ahead_before_a_call_has_ended_or_where_places_are_not_counted() -> None:
    assert Gate().ahead(100) == 0

    async def work() -> int:
        gate = Gate()
        await gate.enter(100)
        gate.leave(0.01)
        return gate.ahead(None)

    assert ran(work()) == 0


def test_calls_that_get_slower_leave_fewer_ahead() -> None:
    async def work() -> tuple[int, int]:
        gate = Gate()
        seen = []
        for lasted_s in (0.05, 5.0):
            for _ in range(50):
                await gate.enter(100)
                gate.leave(lasted_s)
            seen.append(gate.ahead(100))
        return seen[0], seen[1]

    assert ran(work()) == (50, 0)


def test_who_waits_too_long_is_turned_away_and_none_has_room_ahead_until_a_call_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "LONGEST_S", 0.01)

    async def work() -> tuple[bool, int, int]:
        gate = Gate()
        await gate.enter(4)
        gate.leave(0.01)
        for _ in range(4):
            await gate.enter(4)
        came = await gate.enter(4)
        stuck = gate.ahead(4)
        gate.leave(0.01)
        assert await gate.enter(4)
        return came, stuck, gate.ahead(4)

    assert ran(work()) == (False, 0, 2)


@pytest.mark.parametrize("given_first", [False, True], ids=["waiting", "with a place"])
def test_a_call_that_is_cut_off_keeps_no_place(given_first: bool) -> None:
    async def work() -> bool:
        gate = Gate()
        await gate.enter(1)
        cut = asyncio.ensure_future(gate.enter(1))
        await steps()
        if given_first:
            gate.leave(0.01)
        cut.cancel()
        await asyncio.wait([cut])
        if not given_first:
            gate.leave(0.01)
        return await asyncio.wait_for(gate.enter(1), 5)

    assert ran(work())


def test_a_limit_that_was_lowered_holds_from_the_next_call_on() -> None:
    async def work() -> bool:
        gate = Gate()
        for _ in range(3):
            await gate.enter(3)
        waits = asyncio.ensure_future(gate.enter(1))
        await steps()
        for _ in range(2):
            gate.leave(0.01)
            await steps()
        assert not waits.done()
        gate.leave(0.01)
        return await waits

    assert ran(work())


@given(st.lists(st.sampled_from(["enter", "leave", "cut off"]), max_size=60), st.integers(1, 5))
def test_never_more_are_inside_than_there_are_places_and_no_place_is_lost(
    moves: list[str], places: int
) -> None:
    async def work() -> None:
        gate, inside = Gate(), 0
        waiting: list[asyncio.Future[bool]] = []
        for move in moves:
            if move == "enter":
                waiting.append(asyncio.ensure_future(gate.enter(places)))
            elif move == "leave" and inside:
                gate.leave(0.01)
                inside -= 1
            elif move == "cut off" and waiting:
                waiting.pop().cancel()
            await steps()
            inside += sum(call.done() for call in waiting)
            waiting = [call for call in waiting if not call.done()]
            assert inside <= places
            assert not waiting or inside == places
        while inside:
            gate.leave(0.01)
            inside -= 1
            await steps()
            inside += sum(call.done() for call in waiting)
            waiting = [call for call in waiting if not call.done()]
        assert not waiting

    ran(work())
