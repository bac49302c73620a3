"""How many calls are leased ahead of those that leave."""

import pytest

from worker.flow import FEWEST, HELD_BYTES, MOST, Flow


def _after(per_s: float, seconds: float) -> int:
    """Return what is leased ahead after calls have left at a rate for so long."""
    flow, now, granted = Flow(), 0.0, 0.0
    flow.ahead(0, now)
    while now < seconds:
        now += 0.1
        granted += per_s * 0.1
        ahead = flow.ahead(round(granted), now)
    return ahead


def test_before_anything_is_known_the_first_calls_leave_together() -> None:
    assert Flow().ahead(0, 0.0) == 16


@pytest.mark.parametrize(
    ("per_s", "ahead"), [(0.1, FEWEST), (1, FEWEST), (10, FEWEST), (100, 12), (5000, MOST)]
)
def test_so_many_are_leased_as_leave_in_the_next_moment(per_s: float, ahead: int) -> None:
    assert _after(per_s, 10) == pytest.approx(ahead, abs=1)


def test_a_model_that_slows_down_holds_fewer_within_seconds() -> None:
    flow = Flow()
    flow.ahead(0, 0.0)
    assert flow.ahead(1000, 1.0) == MOST

    assert flow.ahead(1000, 3.0) == FEWEST


def test_a_new_slice_counts_from_nothing_and_keeps_the_rate() -> None:
    flow = Flow()
    flow.ahead(0, 0.0)
    before = flow.ahead(1000, 1.0)

    assert flow.ahead(0, 1.2) == before


def test_a_rest_is_no_measurement() -> None:
    flow = Flow()
    flow.ahead(0, 0.0)
    before = flow.ahead(100, 1.0)

    assert flow.ahead(100, 100.0) == before


def test_line_that_runs_dry_is_filled_further_however_slow_leasing_is() -> None:
    flow, leased, now = Flow(), [], 0.0
    _ = [flow.ahead(0, second / 10) for second in range(50)]
    granted = 0
    for _ in range(7):
        now += 5 + 0.3
        granted += 2
        leased.append(flow.ahead(granted, now, dry=True))

    assert leased == sorted(leased)
    assert leased[-1] == MOST


def test_dry_line_from_which_nothing_left_tells_nothing() -> None:
    flow = Flow()
    before = flow.ahead(0, 0.0)

    assert flow.ahead(0, 0.01, dry=True) == before


def test_of_large_bodies_so_many_are_ready_as_memory_bears() -> None:
    flow = Flow()
    flow.ahead(0, 0.0)
    for _ in range(100):
        flow.weigh(HELD_BYTES // 10)

    assert flow.ahead(1000, 1.0) == pytest.approx(10, abs=1)
    for _ in range(100):
        flow.weigh(HELD_BYTES * 3)
    assert flow.ahead(2000, 2.0) == FEWEST
