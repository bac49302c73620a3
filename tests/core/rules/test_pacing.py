"""How long calls take, and behind what."""

import pytest

from core.rules.pacing import (
    DEFAULT_LATENCY_S,
    Bound,
    Load,
    Pacing,
    Span,
    Waiting,
    ahead_of,
    time_for,
)
from core.rules.specs import Limits

DAY = 86_400.0


def span(
    load: Load, latency: float | None = 1.0, credentials: int = 1, used: int = 0, **limits: int
) -> Span:
    return time_for(load, Pacing(Limits(**limits), credentials, latency, used))


def test_a_batch_is_through_with_its_window_whatever_the_limits() -> None:
    pacing = Pacing(Limits(rpm=1, rpd=1), 1, 5.0, 100, window_s=DAY)

    assert time_for(Load(1_000_000, 10**9), pacing) == Span(DAY, Bound.BATCH)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # No limit but concurrency: 1,000 calls, 10 at a time, 2 s each.
        (span(Load(1000, 0), 2.0, concurrency=10), Span(200.0, Bound.CONCURRENCY)),
        (span(Load(1001, 0), 2.0, concurrency=10), Span(202.0, Bound.CONCURRENCY)),
        (span(Load(1000, 0), 2.0, 4, concurrency=10), Span(50.0, Bound.CONCURRENCY)),
        # Nobody set how many at a time: 32 are assumed.
        (span(Load(320, 0), 2.0), Span(20.0, Bound.CONCURRENCY)),
        # 1,200 at 600 a minute, and the last call's own time.
        (span(Load(1200, 0), rpm=600), Span(121.0, Bound.RPM)),
        (span(Load(1200, 0), credentials=2, rpm=600), Span(61.0, Bound.RPM)),
        (span(Load(1200, 9_000_000), rpm=600, tpm=900_000), Span(601.0, Bound.TPM)),
        (span(Load(1200, 900_000), rpm=600, tpm=900_000), Span(121.0, Bound.RPM)),
        # A limit is known, but no call was timed yet.
        (span(Load(60, 0), None, rpm=60), Span(60 + DEFAULT_LATENCY_S, Bound.RPM)),
        (span(Load(60, 60_000), None, tpm=1000), Span(3600 + DEFAULT_LATENCY_S, Bound.TPM)),
        # Nothing is known.
        (span(Load(60, 0), None), Span(None, Bound.UNKNOWN)),
        # A day's requests are enough, or are not.
        (span(Load(100, 0), rpm=60, rpd=100), Span(101.0, Bound.RPM)),
        (span(Load(101, 0), rpm=60, rpd=100), Span(DAY + 2.0, Bound.RPD)),
        (span(Load(250, 0), rpm=60, rpd=100), Span(2 * DAY + 51.0, Bound.RPD)),
        (span(Load(270, 0), rpm=60, rpd=100, credentials=3), Span(91.0, Bound.RPM)),
        (span(Load(100, 0), used=40, rpm=60, rpd=100), Span(DAY + 41.0, Bound.RPD)),
        (span(Load(60, 0), used=40, rpm=60, rpd=100), Span(61.0, Bound.RPM)),
        (span(Load(60, 0), used=900, rpm=60, rpd=100), Span(DAY + 61.0, Bound.RPD)),
        # The limit on a day is not the one that binds, however many days it takes.
        (span(Load(3000, 0), rpm=1, rpd=1440), Span(180_001.0, Bound.RPM)),
    ],
)
def test_the_scarcest_limit_decides(found: Span, expected: Span) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("waiting", "ahead"),
    [
        ([], Load(0, 0)),
        ([Waiting(1, Load(500, 5000))], Load(500, 5000)),
        ([Waiting(-1, Load(500, 5000))], Load(0, 0)),
        ([Waiting(0, Load(500, 5000))], Load(100, 1000)),
        ([Waiting(0, Load(30, 300))], Load(30, 300)),
        ([Waiting(0, Load(0, 0))], Load(0, 0)),
        (
            [Waiting(5, Load(7, 70)), Waiting(0, Load(400, 800)), Waiting(0, Load(3, 3))],
            Load(110, 273),
        ),
    ],
)
def test_a_higher_priority_goes_first_and_equals_share(waiting: list[Waiting], ahead: Load) -> None:
    assert ahead_of(Load(100, 9), 0, waiting) == ahead
