"""What part of a provider's limits is a team's."""

from hypothesis import given
from hypothesis import strategies as st

from core.rules.shares import part
from core.rules.specs import Limits

MOST = st.none() | st.integers(1, 10**9)
LIMITS = st.builds(
    Limits, rpm=MOST, tpm=MOST, rpd=MOST, concurrency=st.none() | st.integers(1, 2000)
)
SHARES = st.floats(0, 1, exclude_min=True)


def test_each_limit_that_is_known_is_cut_and_rounded_down() -> None:
    limits = Limits(rpm=600, tpm=99_999, concurrency=33)

    assert part(limits, 0.5) == Limits(rpm=300, tpm=49_999, concurrency=16)


def test_of_the_smallest_limit_something_is_left() -> None:
    assert part(Limits(rpm=1, rpd=3), 0.01) == Limits(rpm=1, rpd=1)


@given(LIMITS)
def test_the_whole_is_the_limits_themselves(limits: Limits) -> None:
    assert part(limits, 1.0) == limits


@given(LIMITS, SHARES)
def test_a_part_is_never_more_and_what_is_not_known_stays_so(limits: Limits, share: float) -> None:
    for name, most in limits:
        cut = getattr(part(limits, share), name)
        assert (cut is None) == (most is None)
        assert most is None or 1 <= cut <= max(1, most * share)
