"""States, sizes, intervals and ends of batches."""

from datetime import timedelta
from itertools import product

import pytest

from core.errors import InvalidInput
from core.rules.batches import (
    BATCH_MOVES,
    ENDED_BATCH,
    ENDING_OF,
    MAX_LINES,
    STATE_OF,
    UNANSWERED,
    BatchState,
    Ending,
    allowed_lines,
    batch_sources,
    check_dispatch,
    eta_seconds,
    is_gone,
    poll_after,
    rest_after,
)
from core.vocabulary import Dispatch, Result
from tests.rows import NOW

LEGAL = {
    ("preparing", "uploading"),
    ("preparing", "cancelled"),
    ("uploading", "submitted"),
    ("uploading", "harvesting"),
    ("submitted", "harvesting"),
    ("harvesting", "done"),
    ("harvesting", "failed"),
    ("harvesting", "expired"),
    ("harvesting", "cancelled"),
}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(("source", "target"), list(product(BatchState, BatchState)))
def test_a_batch_makes_only_legal_moves(source: BatchState, target: BatchState) -> None:
    legal = (source.value, target.value) in LEGAL

    assert (target in BATCH_MOVES[source]) == legal
    assert (source in batch_sources(target)) == legal


def test_every_ending_has_a_state_and_says_what_is_left() -> None:
    assert set(STATE_OF) == set(UNANSWERED) == set(Ending)
    assert set(STATE_OF.values()) == ENDED_BATCH
    assert set(ENDING_OF.values()) == set(Ending) - {Ending.REJECTED, Ending.GONE}
    assert {e for e, r in UNANSWERED.items() if r is Result.UNKNOWN} == {
        Ending.COMPLETED,
        Ending.GONE,
    }


@pytest.mark.parametrize(
    ("before", "fitted", "after"),
    [
        (50_000, True, 50_000),
        (50_000, False, 25_000),
        (7, False, 3),
        (1, False, 1),
        (3, True, 6),
        (3, None, 3),
        (40_000, True, MAX_LINES),
    ],
)
def test_the_size_of_files_follows_what_was_too_much(
    before: int, fitted: bool | None, after: int
) -> None:
    assert allowed_lines(before, fitted=fitted) == after


@pytest.mark.parametrize(("age_s", "wait_s"), [(0, 2), (20, 2), (100, 10), (600, 60), (86_400, 60)])
def test_an_older_batch_is_looked_at_less_often(age_s: float, wait_s: float) -> None:
    assert poll_after(timedelta(seconds=age_s)) == timedelta(seconds=wait_s)


@pytest.mark.parametrize(
    ("tries", "named_s", "wait_s"),
    [(1, None, 4), (3, None, 16), (12, None, 600), (100, None, 600), (1, 30.0, 30), (5, 1.0, 64)],
)
def test_rests_grow_and_a_named_wait_is_believed(
    tries: int, named_s: float | None, wait_s: float
) -> None:
    assert rest_after(tries, named_s) == timedelta(seconds=wait_s)


def test_a_batch_is_gone_when_unknown_three_times_or_silent_for_days() -> None:
    assert not is_gone(2, expires_at=NOW, now=NOW)
    assert is_gone(3, expires_at=None, now=NOW)
    assert not is_gone(0, expires_at=NOW, now=NOW + 3 * DAY)
    assert is_gone(0, expires_at=NOW, now=NOW + 3 * DAY + HOUR)


@pytest.mark.parametrize(
    ("ended", "window", "seconds"),
    [
        (0, None, None),
        (0, DAY, 82_800.0),
        (25, DAY, 10_800.0),
        (25, 2 * HOUR, 3_600.0),
        (100, DAY, 0.0),
        (0, timedelta(0), 0.0),
    ],
)
def test_a_batch_ends_at_its_pace_and_at_the_latest_with_its_window(
    ended: int, window: timedelta | None, seconds: float | None
) -> None:
    expires_at = None if window is None else NOW + window

    found = eta_seconds(
        lines=100, ended=ended, submitted_at=NOW, expires_at=expires_at, now=NOW + HOUR
    )

    assert found == seconds


def test_only_wires_with_a_batch_mode_take_batches() -> None:
    check_dispatch(Dispatch.ONLINE, "local", "some-wire")
    check_dispatch(Dispatch.BATCH, "local", "openai-chat")
    with pytest.raises(InvalidInput, match=r"'local' speaks some-wire.*dispatch `online`"):
        check_dispatch(Dispatch.BATCH, "local", "some-wire")
