"""Writes of the dispatch loop, grouped: one commit serves many requests."""

import asyncio
import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError

from core import attempts, jobs, runs, settling
from core.attempts import OpenedOrNot, Opening
from core.db import Database, utc_now
from core.rules.canaries import Canary
from core.settling import Settlement
from core.spending import Books

log = structlog.get_logger()

GROUP_S = 0.01
"""How long a group waits for company: about as long as a commit takes."""

MAX_GROUP = 500
RETRY_S = 1.0
"""Between tries while the database is away: what was paid for must be stored."""

Write = Opening | Settlement
Awaited = tuple[Write, asyncio.Future[OpenedOrNot]]


class Writer:
    """A thread that owns the transactions of a loop. Its methods belong to that loop."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._queue: SimpleQueue[Awaited | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def write(self, item: Write) -> asyncio.Future[OpenedOrNot]:
        """Queue a write; the future ends when it is committed.

        Of an opening it gives the attempt, or what keeps it from being sent.
        """
        future: asyncio.Future[OpenedOrNot] = self._loop.create_future()
        self._queue.put((item, future))
        return future

    def close(self) -> None:
        """Commit what is queued and stop; from any thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        """Commit groups until closed."""
        going = True
        while going:
            group, going = self._gather()
            if group:
                self._commit(group)

    def _gather(self) -> tuple[list[Awaited], bool]:
        """Return the next group, and whether there will be another.

        It sleeps once and takes what has come: to wake for each write would take the interpreter
        away from the loop each time.
        """
        first = self._queue.get()
        if first is None:
            return [], False
        group = [first]
        time.sleep(GROUP_S)
        while len(group) < MAX_GROUP:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return group, False
            group.append(item)
        return group, True

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

    def _tell(self, group: Sequence[Awaited], results: Sequence[OpenedOrNot | Exception]) -> None:
        """End the futures of a group, in one step on their loop."""
        futures = [future for _, future in group]
        self._loop.call_soon_threadsafe(_end, futures, results)

    def _transact(self, items: Sequence[Write]) -> list[OpenedOrNot]:
        """Commit some writes, however long the database is away."""
        while True:
            try:
                return self._once(items)
            except OperationalError as error:
                log.warning("database away; trying again", error=str(error.orig))
                time.sleep(RETRY_S)

    def _once(self, items: Sequence[Write]) -> list[OpenedOrNot]:
        """Commit some writes; stop runs whose breaker trips, or that can afford no more calls."""
        settlements = [item for item in items if isinstance(item, Settlement)]
        openings = [item for item in items if isinstance(item, Opening)]
        tripped: dict[UUID, str] = {}
        with self._database.write.begin() as session:
            runs.hold(session, {item.request.run_id for item in items})
            with Books(session) as books:
                if settlements:
                    tripped = settling.settle_all(session, settlements, books)
                ends = attempts.open_all(session, openings, books) if openings else []
        tripped |= attempts.out_of_budget(openings, ends)
        tripped |= {
            s.request.run_id: s.reason or "" for s in settlements if s.canary is Canary.FAILED
        }
        for s in settlements:
            if s.canary is Canary.PASSED:
                with self._database.write.begin() as session:
                    jobs.canary_passed(session, s.request.run_id, now=utc_now())
        for run_id, reason in tripped.items():
            with self._database.write.begin() as session:
                jobs.stop(session, run_id, reason, now=utc_now())
        opened = iter(ends)
        return [next(opened) if isinstance(item, Opening) else None for item in items]


def _end(
    futures: Sequence[asyncio.Future[OpenedOrNot]],
    results: Sequence[OpenedOrNot | Exception],
) -> None:
    """End the futures that are still waited for; a stop cuts calls off."""
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
