"""Server-sent events: one poller for each thing that is watched, whoever and how many watch it.

A look at the database makes a frame: the newest state, under an id that stands for its content.
So any process knows the id that a client comes back with: one that has the newest state is told
nothing until it changes, any other is told the whole, and what lay between is nobody's loss.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass
from time import monotonic

import structlog
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from core.errors import NotReady

log = structlog.get_logger(__name__)

INTERVAL_S = 0.5
"""Between looks."""
CROWD = 5
"""Who may watch or ask the same before they are a crowd, which is told half as often."""
SHARE = 20
"""A look that takes long is followed by a pause of so many times that: 5 % of a core at most."""
LONGEST_S = 5.0
"""Such a pause, at most: one look on a machine that was busy for a moment is no measure."""
HEARTBEAT_S = 15.0
"""Of silence, before a comment tells client and proxies that the stream lives."""
LINGER_S = 3.0
"""That a poller goes on after the last one left: long enough for it to come back."""
RETRY_MS = 2000
"""What a client is told to wait before it comes back."""

OPENING = f"retry: {RETRY_MS}\n\n".encode()
HEARTBEAT = b": still here\n\n"


@dataclass(frozen=True)
class Frame:
    """The state after a look, as events."""

    id: str
    """Stands for the content of the state."""
    whole: Callable[[], bytes]
    """For whoever has seen nothing, or something long gone."""
    change: bytes | None
    """For whoever has seen the frame before; None: nothing is new."""
    end: bytes | None = None
    """The last event, if the state is final."""


Look = Callable[[], Frame]
"""Reads the state, in a thread; called by one poller, one call after the other."""


def event(name: str, data: BaseModel, frame_id: str) -> bytes:
    """Return an event as it goes over the wire; JSON has no line breaks of its own."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        frame_id.encode(),
        name.encode(),
        data.model_dump_json().encode(),
    )


class Feed:
    """What one poller has seen last, and those who wait for news of it."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.watchers = 0
        self.left_at = monotonic()
        """When the last watcher left, or somebody asked who is about to watch."""
        self.frame: Frame | None = None
        self.over = False
        """No frame follows."""
        self._number = 0
        self._whole: bytes | None = None
        self._news = asyncio.Event()

    def publish(self, frame: Frame) -> None:
        """Let everyone know the state after a look."""
        first = self.frame is None
        self.frame, self.over = frame, frame.end is not None
        if first or self.over or frame.change is not None:
            self._number, self._whole = self._number + 1, None
            self._wake()

    def close(self) -> None:
        """Let everyone go."""
        self.over = True
        self._wake()

    async def first(self) -> Frame:
        """Return the newest frame, once there is one. Raises NotReady where there is none."""
        news = self._news
        if self.frame is None and not self.over:
            await news.wait()
        if self.frame is None:
            raise NotReady("this state cannot be read now; try again in a moment")
        return self.frame

    async def follow(self, known: str | None, *, seconds: float) -> AsyncIterator[bytes]:
        """Yield the events for a client that has seen the frame `known`, for a while."""
        until, seen = monotonic() + seconds, 0
        yield OPENING
        while True:
            news = self._news
            chunk = self._since(seen, known)
            seen = self._number
            if chunk:
                yield chunk
            left = until - monotonic()
            if self.over or left <= 0:
                return
            try:
                async with asyncio.timeout(min(HEARTBEAT_S, left)):
                    await news.wait()
            except TimeoutError:
                if left > HEARTBEAT_S:
                    yield HEARTBEAT

    def _since(self, seen: int, known: str | None) -> bytes:
        """Return what is new to a client that has been told the frame of number `seen`."""
        frame = self.frame
        if frame is None or seen == self._number:
            return b""
        if seen == self._number - 1 and seen:
            told = frame.change or b""
        elif not seen and frame.id == known:
            told = b""
        else:
            if self._whole is None:
                self._whole = frame.whole()
            told = self._whole
        return told + (frame.end or b"")

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Feeds:
    """The feeds of a process; made in the event loop that they live in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._feeds: dict[Hashable, Feed] = {}
        self._pollers: set[asyncio.Task[None]] = set()

    def of(self, key: Hashable, look: Callable[[], Look]) -> Feed:
        """Return the feed of what `key` names; `look` makes its look if it is the first."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(look())
            poller = asyncio.create_task(self._poll(key, feed))
            self._pollers.add(poller)
            poller.add_done_callback(self._pollers.discard)
        feed.left_at = monotonic()
        return feed

    def stop(self) -> None:
        """End every stream at once; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def aclose(self) -> None:
        """End every stream, and wait until nobody looks at the database."""
        self._stopping.set()
        await asyncio.gather(*tuple(self._pollers))

    async def _poll(self, key: Hashable, feed: Feed) -> None:
        """Look again and again, until the state is final or nobody cares."""
        try:
            while not self._stopping.is_set() and not feed.over and _cared_for(feed):
                began = monotonic()
                feed.publish(await run_in_threadpool(feed.look))
                took = monotonic() - began
                least = INTERVAL_S if feed.watchers <= CROWD else 2 * INTERVAL_S
                await self._pause(min(max(least, SHARE * took), LONGEST_S))
        except Exception as error:
            # Clients come back by themselves, and then a new look is made.
            log.warning("feed_broke", feed=str(key), exc_info=error)
        finally:
            del self._feeds[key]
            feed.close()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not if the process stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _cared_for(feed: Feed) -> bool:
    """Tell whether anyone watches, or did just now."""
    return feed.watchers > 0 or monotonic() - feed.left_at < LINGER_S
