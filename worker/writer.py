"""Writes of the dispatch loop, grouped: one commit serves many requests."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue

import structlog
from sqlalchemy.exc import OperationalError

from core import attempts, jobs, runs, settling
from core.attempts import Opened, Opening
from core.db import Database, utc_now
from core.settling import Settlement

log = structlog.get_logger()

GROUP_S = 0.005
"""How long a group waits for company. A commit takes about as long, so nobody notices."""

MAX_GROUP = 500
RETRY_S = 1.0
"""Between tries while the database is away: what was paid for must be stored."""

Write = Opening | Settlement


class Writer:
    """A thread that owns the dispatch loop's transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: SimpleQueue[tuple[Write, Future[Opened | None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def write(self, item: Write) -> Future[Opened | None]:
        """Queue a write; the future ends when it is committed.

        Of an opening it gives the attempt, or None when the request may not be sent any more.
        """
        future: Future[Opened | None] = Future()
        self._queue.put((item, future))
        return future

    def close(self) -> None:
        """Commit what is queued and stop."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        """Commit groups until closed."""
        going = True
        while going:
            group, going = self._gather()
            if group:
                self._commit(group)

    def _gather(self) -> tuple[list[tuple[Write, Future[Opened | None]]], bool]:
        """Return the next group, and whether there will be another."""
        group: list[tuple[Write, Future[Opened | None]]] = []
        until = None
        while len(group) < MAX_GROUP:
            wait = None if until is None else max(0.0, until - time.monotonic())
            try:
                item = self._queue.get(timeout=wait)
            except Empty:
                break
            if item is None:
                return group, False
            group.append(item)
            until = until or time.monotonic() + GROUP_S
        return group, True

    def _commit(self, group: list[tuple[Write, Future[Opened | None]]]) -> None:
        """Commit a group; when something in it is bad, each write alone, so that one fails."""
        try:
            results = self._transact([item for item, _ in group])
        except Exception as error:
            if len(group) == 1:
                log.exception("write failed", write=type(group[0][0]).__name__)
                if _is_awaited(group[0][1]):
                    group[0][1].set_exception(error)
                return
            for single in group:
                self._commit([single])
            return
        for (_, future), result in zip(group, results, strict=True):
            if _is_awaited(future):
                future.set_result(result)

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


def _is_awaited(future: Future[Opened | None]) -> bool:
    """Tell whether a call still waits for its write; one that a stop cut off does not."""
    return future.set_running_or_notify_cancel()
