"""Writes of the dispatch loop, grouped: one commit serves many requests."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog
from sqlalchemy.exc import OperationalError

from core import attempts, jobs, runs, settling
from core.attempts import Opened, Opening
from core.db import Database, utc_now
from core.settling import Settlement

log = structlog.get_logger()

GROUP_S = 0.01
"""How long a group waits for company: about as long as a commit takes."""

SETTLEMENTS = 32
"""In one group at most: a call waits for its opening to be committed, and nobody for these."""

RETRY_S = 1.0
"""Between tries while the database is away: what was paid for must be stored."""

Write = Opening | Settlement
Awaited = tuple[Write, asyncio.Future[Opened | None]]


class Writer:
    """A thread that owns the transactions of a loop. Its methods belong to that loop."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._queue: SimpleQueue[Awaited | None] = SimpleQueue()
        self._settlements: deque[Awaited] = deque()
        """Taken from the queue, to be committed."""
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def write(self, item: Write) -> asyncio.Future[Opened | None]:
        """Queue a write; the future ends when it is committed.

        Of an opening it gives the attempt, or None when the request may not be sent any more.
        """
        future: asyncio.Future[Opened | None] = self._loop.create_future()
        self._queue.put((item, future))
        return future

    def close(self) -> None:
        """Commit what is queued and stop; from any thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        """Commit groups until closed."""
        going = True
        while going or self._settlements:
            openings, going = self._taken() if going else ([], False)
            count = min(len(self._settlements), SETTLEMENTS)
            group = openings + [self._settlements.popleft() for _ in range(count)]
            if group:
                self._commit(group)

    def _taken(self) -> tuple[list[Awaited], bool]:
        """Take what is queued; return the openings in it, and whether more will come.

        It sleeps once and takes what has come: to wake for each write would take the interpreter
        away from the loop each time.
        """
        taken = [] if self._settlements else [self._queue.get()]
        if taken and taken[0] is not None:
            time.sleep(GROUP_S)
        with suppress(Empty):
            while not taken or taken[-1] is not None:
                taken.append(self._queue.get_nowait())
        writes = [item for item in taken if item is not None]
        self._settlements += (item for item in writes if isinstance(item[0], Settlement))
        openings = [item for item in writes if isinstance(item[0], Opening)]
        return openings, len(writes) == len(taken)

    def _commit(self, group: Sequence[Awaited]) -> None:
        """Commit a group; when something in it is bad, each write alone, so that one fails."""
        try:
            results = self._transact([item for item, _ in group])
        except Exception as error:
            if len(group) == 1:
                log.exception("write failed", write=type(group[0][0]).__name__)
                self._tell(group, [error])
                return
            for single in group:
                self._commit([single])
            return
        self._tell(group, results)

    def _tell(self, group: Sequence[Awaited], results: Sequence[Opened | Exception | None]) -> None:
        """End the futures of a group, in one step on their loop."""
        futures = [future for _, future in group]
        self._loop.call_soon_threadsafe(_end, futures, results)

    def _transact(self, items: Sequence[Write]) -> list[Opened | None]:
        """Commit some writes, however long the database is away."""
        while True:
            try:
                return self._once(items)
            except OperationalError as error:
                log.warning("database away; trying again", error=str(error.orig))
                time.sleep(RETRY_S)

    def _once(self, items: Sequence[Write]) -> list[Opened | None]:
        """Commit some writes, and stop the runs whose breaker they trip."""
        settlements = [item for item in items if isinstance(item, Settlement)]
        openings = [item for item in items if isinstance(item, Opening)]
        tripped = {}
        with self._database.write.begin() as session:
            runs.hold(session, {item.request.run_id for item in items})
            if settlements:
                tripped = settling.settle_all(session, settlements)
            opened = iter(attempts.open_all(session, openings) if openings else [])
        for run_id, reason in tripped.items():
            with self._database.write.begin() as session:
                jobs.stop(session, run_id, reason, now=utc_now())
        return [next(opened) if isinstance(item, Opening) else None for item in items]


def _end(
    futures: Sequence[asyncio.Future[Opened | None]],
    results: Sequence[Opened | Exception | None],
) -> None:
    """End the futures that are still waited for; a stop cuts calls off."""
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
