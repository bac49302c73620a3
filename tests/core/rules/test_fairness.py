"""Sharing of free slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.fairness import share


@pytest.mark.parametrize(
    ("slots", "waiting", "in_flight", "given_"),
    [
        (4, {"a": 9, "b": 9}, {}, {"a": 2, "b": 2}),
        (3, {"a": 9, "b": 9}, {}, {"a": 2, "b": 1}),
        (4, {"a": 9, "b": 9}, {"a": 3}, {"b": 3, "a": 1}),
        (2, {"a": 9, "b": 9}, {"a": 30}, {"b": 2}),
        (10, {"a": 1, "b": 2}, {}, {"a": 1, "b": 2}),
        (10, {"a": 0, "b": 2}, {"c": 5}, {"b": 2}),
        (0, {"a": 1}, {}, {}),
        (5, {}, {"a": 1}, {}),
    ],
)
def test_known_shares(
    slots: int, waiting: dict[str, int], in_flight: dict[str, int], given_: dict[str, int]
) -> None:
    assert share(slots, waiting, in_flight) == given_


jobs = st.integers(0, 6)
counts = st.dictionaries(jobs, st.integers(0, 20))


@given(st.integers(0, 60), counts, counts)
def test_no_slot_is_given_twice_or_to_nobody(
    slots: int, waiting: dict[int, int], in_flight: dict[int, int]
) -> None:
    given_ = share(slots, waiting, in_flight)

    assert all(0 < number <= waiting[job] for job, number in given_.items())
    assert sum(given_.values()) == min(slots, sum(waiting.values()))


@given(st.integers(0, 60), counts, counts)
def test_nobody_gets_a_slot_before_one_with_less_who_waits(
    slots: int, waiting: dict[int, int], in_flight: dict[int, int]
) -> None:
    given_ = share(slots, waiting, in_flight)

    total = {job: in_flight.get(job, 0) + given_.get(job, 0) for job in waiting}
    hungry = [total[job] for job in waiting if given_.get(job, 0) < waiting[job]]
    for job in given_:
        assert all(total[job] - 1 <= other for other in hungry)
