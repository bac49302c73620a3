import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.retention import HOUR_S, hour_of, oldest_kept

NOW = 1000 * HOUR_S + 1.0


@pytest.mark.parametrize(
    ("days", "most", "first"),
    [
        (None, None, 900),
        (1, None, 976),
        (None, 100, 900),
        (None, 99, 901),
        (None, 35, 951),
        (None, 9, 1000),
        (None, 4, 1001),
        (1, 9, 1000),
        (1, 100, 976),
    ],
)
def test_the_newest_stay_by_age_and_by_size(
    days: float | None, most: float | None, first: int
) -> None:
    sizes = {900: 50, 950: 20, 999: 25, 1000: 5}

    assert oldest_kept(sizes, now=NOW, days=days, most_bytes=most) == first


def test_of_nothing_nothing_goes() -> None:
    assert oldest_kept({}, now=NOW, days=None, most_bytes=1) == 0


@given(
    st.dictionaries(st.integers(0, 1000), st.integers(0, 100)),
    st.none() | st.floats(0, 50),
    st.none() | st.integers(0, 1000),
)
def test_what_stays_fits_and_what_goes_had_to(
    sizes: dict[int, int], days: float | None, most: int | None
) -> None:
    first = oldest_kept(sizes, now=NOW, days=days, most_bytes=most)

    kept = {hour: size for hour, size in sizes.items() if hour >= first}
    assert most is None or sum(kept.values()) <= most
    for hour in set(sizes) - set(kept):
        too_old = days is not None and hour < hour_of(NOW - days * 86400)
        with_it = sum(size for other, size in sizes.items() if other >= hour)
        assert too_old or (most is not None and with_it > most)
