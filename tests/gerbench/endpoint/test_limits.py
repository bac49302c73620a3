"""Windows under a clock that the test turns."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerbench.endpoint.limits import Bucket, Fixed, Sliding, Window
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.throttle import Throttle
from gerbench.endpoint.wire import WireError, duration

WINDOWS = (Sliding, Fixed, Bucket)
Make = Callable[[float, float], Window]


def admit(throttle: Throttle, now: float, tokens: int = 1, key: str = "k") -> WireError | None:
    """Return why a request is not let in."""
    try:
        admission = throttle.admit(key, model="fer", tokens=tokens, now=now)
    except WireError as error:
        return error
    throttle.leave(admission)
    return None


def test_a_sliding_window_frees_what_is_a_period_old() -> None:
    window = Sliding(2, 60)
    window.take(1, 0)
    window.take(1, 10)

    assert window.wait(1, 59) == pytest.approx(1)
    assert window.wait(2, 59) == pytest.approx(11)
    assert window.wait(1, 60) == 0
    assert window.reset(60) == pytest.approx(10)


def test_a_fixed_window_starts_anew_on_the_full_period() -> None:
    window = Fixed(2, 60)
    window.take(2, 59)

    assert window.wait(1, 59.5) == pytest.approx(0.5)
    assert window.wait(2, 60) == 0


def test_a_bucket_drains_evenly() -> None:
    window = Bucket(30_000, 60)
    window.take(14_567, 0)

    # The provider's own figures: Limit 30000, Used 14567, Requested 24754, try again in 18.642s.
    assert window.wait(24_754, 0) == pytest.approx(18.642)
    assert window.used(60) == 0


@pytest.mark.parametrize("make", WINDOWS)
def test_a_correction_gives_room_back(make: Make) -> None:
    window = make(100, 60)
    taken = window.take(90, 1)

    window.correct(taken, 20, 1)

    assert window.used(1) == pytest.approx(20)
    window.correct(taken, 30, 500)
    assert window.used(500) <= 30 + 1e-6


@pytest.mark.parametrize("make", WINDOWS)
def test_what_never_fits_waits_for_ever(make: Make) -> None:
    assert make(5, 60).wait(6, 0) == math.inf


@pytest.mark.parametrize("make", WINDOWS)
@given(
    steps=st.lists(
        st.tuples(st.floats(0, 40, allow_nan=False), st.integers(1, 4)), min_size=1, max_size=40
    )
)
def test_no_window_is_ever_overfull_and_its_wait_is_enough(
    make: Make, steps: list[tuple[float, int]]
) -> None:
    window, now = make(5, 60), 0.0
    for pause, amount in steps:
        now += pause
        wait = window.wait(amount, now)
        assert wait >= 0
        now += wait + 1e-6
        assert window.wait(amount, now) == 0
        window.take(amount, now)
        assert window.used(now) <= 5 + 1e-6


def test_rpm_is_enforced_for_each_key() -> None:
    throttle = Throttle(EndpointOptions(rpm=3))

    let_in = [admit(throttle, now) is None for now in (0, 1, 2, 3, 59, 60, 60.5, 61)]

    assert let_in == [True, True, True, False, False, True, False, True]
    assert admit(throttle, 3, key="other") is None


def test_all_limits_are_checked_before_any_is_charged() -> None:
    throttle = Throttle(EndpointOptions(rpm=2, tpm=100))
    assert admit(throttle, 0, tokens=90) is None

    refused = admit(throttle, 1, tokens=90)

    assert refused is not None
    assert refused.error["type"] == "tokens"
    assert "tokens per min (TPM): Limit 100, Used 90, Requested 90." in str(refused)
    assert "Please try again in 59s." in str(refused)
    assert throttle.shown("k", 1)["requests"].remaining == 1


def test_rejected_requests_count_where_that_is_the_rule() -> None:
    throttle = Throttle(EndpointOptions(rpm=1, count_rejected=True))

    let_in = [admit(throttle, now) is None for now in (0, 30, 61, 95, 156)]

    assert let_in == [True, False, False, False, True]


def test_a_request_larger_than_the_limit_can_never_pass() -> None:
    refused = admit(Throttle(EndpointOptions(tpm=100)), 0, tokens=101)

    assert refused is not None
    assert str(refused).startswith("Request too large for fer")
    assert refused.headers == {}


def test_a_day_limit_outlives_the_minute() -> None:
    throttle = Throttle(EndpointOptions(rpd=1))

    assert admit(throttle, 0) is None
    refused = admit(throttle, 3600)
    assert refused is not None
    assert "requests per day (RPD)" in str(refused)
    assert "Please try again in 23h0m0s." in str(refused)
    assert admit(throttle, 86_400) is None


def test_concurrency_counts_what_is_under_way() -> None:
    throttle = Throttle(EndpointOptions(concurrency=1))
    first = throttle.admit("k", model="fer", tokens=1, now=0)

    assert admit(throttle, 0) is not None
    throttle.leave(first)
    assert admit(throttle, 0) is None


@pytest.mark.parametrize(("counts", "remaining"), [("actual", 80), ("reserved", 0)])
def test_tokens_reserved_are_given_back_or_not(counts: str, remaining: int) -> None:
    options = EndpointOptions.model_validate({"tpm": 100, "tpm_counts": counts})
    throttle = Throttle(options)
    admission = throttle.admit("k", model="fer", tokens=100, now=0)

    throttle.settle(admission, 20, 1)

    assert throttle.shown("k", 1)["tokens"].remaining == remaining


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.0166, "17ms"), (1, "1s"), (1.5, "1.5s"), (360, "6m0s"), (3723, "1h2m3s")],
)
def test_durations_read_as_the_providers(seconds: float, text: str) -> None:
    assert duration(seconds) == text
