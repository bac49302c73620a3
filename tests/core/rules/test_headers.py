from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.headers import Seen, SeenLimits, duration_s, retry_after, seen_limits

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
NAMES = [
    "retry-after",
    "retry-after-ms",
    *(
        f"x-ratelimit-{figure}-{kind}"
        for figure in ("limit", "remaining", "reset")
        for kind in ("requests", "tokens", "project-tokens")
    ),
]
ANTHROPIC_NAMES = [
    f"anthropic-ratelimit-{kind}-{figure}"
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
    for figure in ("limit", "remaining", "reset")
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17ms", 0.017),
        ("1s", 1),
        ("6m0s", 360),
        ("1h2m3s", 3723),
        ("20.5s", 20.5),
        ("20.5", 20.5),
        ("0", 0),
        ("-3", 0),
        ("1d", 86_400),
        ("500µs", 0.0005),
        (" 1S ", 1),
        ("", None),
        ("soon", None),
        ("1s ago", None),
        ("1x2s", None),
        ("nan", None),
        ("1e400", None),
    ],
)
def test_durations_are_read_in_every_form(text: str, seconds: float | None) -> None:
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_limits_are_read_by_kind() -> None:
    headers = {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "599",
        "x-ratelimit-reset-requests": "100ms",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
        "x-ratelimit-remaining-project-tokens": "1000",
    }

    seen = seen_limits(headers, NOW)

    assert seen.requests == Seen(600, 599, 0.1)
    assert seen.tokens == Seen(150_000, 149_984, 360)
    assert seen.project_tokens == seen.scarcest_tokens == Seen(None, 1000, None)


@pytest.mark.parametrize("value", ["", "many", "nan", "inf", "1e300", "--1"])
def test_nonsense_is_not_said_at_all(value: str) -> None:
    headers = dict.fromkeys(NAMES, value)

    assert seen_limits(headers, NOW) == SeenLimits()
    assert seen_limits(dict.fromkeys(ANTHROPIC_NAMES, value), NOW) == SeenLimits()
    assert retry_after(headers, NOW) is None


def test_a_limit_of_nothing_is_no_limit_and_less_than_nothing_is_nothing() -> None:
    headers = {"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "-2"}

    assert seen_limits(headers, NOW).requests == Seen(None, 0, None)


@pytest.mark.parametrize(
    ("seen", "daily"),
    [
        (Seen(200, 199, 432), True),
        (Seen(10_000, 9_990, 86.4), True),
        (Seen(10_000, 9_900, 864), True),
        (Seen(1500, None, 3600), True),
        (Seen(600, 599, 0.1), False),
        (Seen(10_000, 9_999, 8.64), False),  # not known yet
        (Seen(10_000, 9_993, 60), False),  # seven of a minute's window
        (Seen(600, 0, 60), False),
        (Seen(600, 300, 12), False),
        (Seen(600, 600, 0), False),
        (Seen(600, 599, None), False),
        (Seen(None, 599, 1), False),
    ],
)
def test_a_day_is_told_from_a_minute(seen: Seen, daily: bool) -> None:
    assert seen.daily is daily


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "3", "retry-after-ms": "soon"}, 3),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT"}, 90),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "Sun, 99 Foo 2026"}, None),
    ],
)
def test_named_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def anthropic(**figures: str) -> dict[str, str]:
    """Return Anthropic's headers: `input_tokens_limit="1000"`."""
    return {f"anthropic-ratelimit-{n.replace('_', '-')}": value for n, value in figures.items()}


def test_anthropics_limits_are_read_and_their_resets_are_moments() -> None:
    headers = anthropic(
        requests_limit="4000",
        requests_remaining="3999",
        requests_reset="2026-11-22T12:00:01Z",
        tokens_limit="480000",
        tokens_remaining="470000",
        tokens_reset="2026-11-22T12:00:02.5+00:00",
    )

    seen = seen_limits(headers, NOW)

    assert seen.requests == Seen(4000, 3999, 1)
    assert seen.tokens == seen.scarcest_tokens == Seen(480_000, 470_000, 2.5)
    assert not seen.requests.daily


@pytest.mark.parametrize(
    ("figures", "tokens"),
    [
        # What is left of the input bounds the whole.
        (
            {
                "tokens_limit": "480000",
                "tokens_remaining": "100000",
                "input_tokens_limit": "400000",
                "input_tokens_remaining": "20000",
                "input_tokens_reset": "2026-11-22T12:00:57Z",
            },
            Seen(400_000, 20_000, 57),
        ),
        ({"input_tokens_limit": "30000", "input_tokens_remaining": "9000"}, Seen(30_000, 9_000)),
        # What is left of the output says little, until it is nothing.
        (
            {
                "tokens_limit": "480000",
                "tokens_remaining": "400000",
                "output_tokens_limit": "80000",
                "output_tokens_remaining": "1000",
            },
            Seen(480_000, 400_000),
        ),
        (
            {
                "tokens_limit": "480000",
                "tokens_remaining": "400000",
                "output_tokens_limit": "80000",
                "output_tokens_remaining": "0",
                "output_tokens_reset": "2026-11-22T12:01:00Z",
            },
            Seen(480_000, 0, 60),
        ),
        ({"tokens_limit": "480000"}, Seen(480_000)),
        ({"requests_remaining": "1"}, Seen()),
    ],
)
def test_of_anthropics_limits_on_tokens_the_one_that_leaves_least_counts(
    figures: dict[str, str], tokens: Seen
) -> None:
    assert seen_limits(anthropic(**figures), NOW).scarcest_tokens == tokens


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2026-11-22T11:59:00Z", 0),
        ("2026-11-22T14:00:30+02:00", 30),
        ("2026-11-22T12:00:30", 30),
        ("60", None),
        ("tomorrow", None),
        ("0001-01-01T00:00:00+23:59", 0),
    ],
)
def test_a_moment_in_the_past_is_now_and_nonsense_is_none(
    moment: str, seconds: float | None
) -> None:
    assert seen_limits(anthropic(requests_reset=moment), NOW).requests.reset_s == seconds


@given(st.dictionaries(st.sampled_from([*NAMES, *ANTHROPIC_NAMES]), st.text(max_size=40)))
def test_no_header_raises(headers: dict[str, str]) -> None:
    wait, seen = retry_after(headers, NOW), seen_limits(headers, NOW)

    assert wait is None or wait >= 0
    for one in (seen.requests, seen.tokens, seen.project_tokens, seen.scarcest_tokens):
        assert one.limit is None or one.limit > 0
        assert one.remaining is None or one.remaining >= 0
        assert one.reset_s is None or one.reset_s >= 0
        assert one.daily in {True, False}


@given(st.floats(0, 1e6), st.sampled_from(["", "s", "ms", "m", "h"]))
def test_one_unit_is_read_to_the_digit(amount: float, unit: str) -> None:
    factor = {"": 1, "s": 1, "ms": 0.001, "m": 60, "h": 3600}[unit]

    assert duration_s(f"{amount:.6f}{unit}") == pytest.approx(amount * factor, abs=4e-3)
