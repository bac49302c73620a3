"""Feeds: one poller looks for all who watch."""

from itertools import count

import pytest

from api.feeds import Feeds, Frame


async def test_a_look_that_took_long_puts_the_next_off_for_some_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.feeds.INTERVAL_S", 0.0)
    monkeypatch.setattr("api.feeds.SHARE", 1e9)
    monkeypatch.setattr("api.feeds.LONGEST_S", 0.01)
    numbers = count()

    def look() -> Frame:
        state = str(next(numbers)).encode()
        return Frame(state.decode(), lambda: state, state)

    feeds = Feeds()
    feed = feeds.of("job", lambda: look)
    seen = []
    async for chunk in feed.follow(None, seconds=60):
        seen.append(chunk)
        if len(seen) == 4:
            break
    await feeds.aclose()

    assert seen[1:] == [b"0", b"1", b"2"]
