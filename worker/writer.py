"""Writes of the dispatch loop, grouped: one commit serves many requests."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog

from core import again, attempts, runs, settling
from core.attempts import OpenedOrNot, Opening
from core.db import AWAY, Database, words_of
from core.settling import Settlement
from core.spending import Books
from worker.aftermath import follow_up
from worker.spool import Spool

log = structlog.get_logger()

GROUP_S = 0.01
"""How long a group waits for company: about as long as a commit takes."""

SETTLEMENTS = 32
"""In one group at most: meanwhile the next openings wait, and nobody waits for these."""

MAX_GROUP = 500
"""Writes repeated in one transaction after the database was away."""

RETRY_S = 1.0
"""Between tries while the database is away."""

Write = Opening | Settlement
Awaited = tuple[Write, asyncio.Future[OpenedOrNot]]


class Writer:
    """A thread that owns the transactions of a loop. Its methods belong to that loop."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop, spool: Spool) -> None:
        self._database = database
        self._loop = loop
        self._spool = spool
        self._queue: SimpleQueue[Awaited | None] = SimpleQueue()
        self._settlements: deque[Awaited] = deque()
        """Taken from the queue, to be committed."""
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
        """Commit what is queued and stop; from any thread.

        While the database is away what was paid for stays in the spool.
        """
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        """Commit groups until closed."""
        going = True
        while going or self._settlements:
            openings, going = self._taken() if going else ([], False)
            count = min(len(self._settlements), SETTLEMENTS)
            settlements = [self._settlements.popleft() for _ in range(count)]
            left = [*openings, *settlements]
            try:
                # Calls wait for their openings, and not for what others came to.
                for group in (openings, settlements):
                    self._commit(group)
                    del left[: len(group)]
            except AWAY as away:
                left += self._settlements
                self._settlements.clear()
                going = self._outlast(left, away) if going else self._give_up(left)

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

    def _commit(self, group: Sequence[Awaited], *, repeated: bool = False) -> None:
        """Commit a group; when something in it is bad, each write alone, so that one fails.

        Raises one of AWAY when the database is; part of the group may be committed then.
        """
        if not group:
            return
        try:
            results = self._transact([item for item, _ in group], repeated=repeated)
        except AWAY:
            raise
        except Exception as error:
            if len(group) == 1:
                log.exception("write failed", write=type(group[0][0]).__name__)
                self._tell(group, [error])
                return
            for single in group:
                self._commit([single], repeated=repeated)
            return
        self._tell(group, results)

    def _outlast(self, group: list[Awaited], away: Exception) -> bool:
        """Hold out until the database is back; tell whether the writer goes on.

        Meanwhile no call leaves, since its attempt cannot be written, and what comes back goes to
        the spool.
        """
        log.warning(
            "the database is away: nothing is sent until it is back, and replies wait in the spool",
            error=words_of(away),
            spool=str(self._spool.path),
        )
        self._keep(group)
        while True:
            arrived, going = self._arrived(RETRY_S)
            self._keep(arrived)
            group += arrived
            if not going:
                return self._give_up(group, kept=True)
            if self._repeat(group):
                self._spool.clear()
                log.warning("the database is back, and all that waited is stored")
                return True

    def _repeat(self, group: list[Awaited]) -> bool:
        """Commit writes of which some may be committed; tell whether all of them are."""
        try:
            while group:
                self._commit(group[:MAX_GROUP], repeated=True)
                del group[:MAX_GROUP]
        except AWAY:
            return False
        return True

    def _give_up(self, group: list[Awaited], *, kept: bool = False) -> bool:
        """Stop while the database is away: whoever works on the folder next stores the spool."""
        if not kept:
            self._keep(group)
        if not self._repeat(group):
            log.warning("stopped while the database is away", spool=str(self._spool.path))
            self._spool.close()
        else:
            self._spool.clear()
        return False

    def _keep(self, group: Sequence[Awaited]) -> None:
        """Put what was paid for on disk."""
        try:
            self._spool.keep(item for item, _ in group if isinstance(item, Settlement))
        except OSError as error:
            log.error(  # noqa: TRY400 - the reason says it all
                "replies wait in memory alone, where a kill would lose them",
                reason=str(error),
                spool=str(self._spool.path),
            )

    def _arrived(self, seconds: float) -> tuple[list[Awaited], bool]:
        """Return what is queued within some seconds, and whether the writer goes on."""
        arrived: list[Awaited] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                item = self._queue.get(timeout=left)
            except Empty:
                break
            if item is None:
                return arrived, False
            arrived.append(item)
        return arrived, True

    def _tell(self, group: Sequence[Awaited], results: Sequence[OpenedOrNot | Exception]) -> None:
        """End the futures of a group, in one step on their loop."""
        futures = [future for _, future in group]
        self._loop.call_soon_threadsafe(_end, futures, results)

    def _transact(self, items: Sequence[Write], *, repeated: bool) -> list[OpenedOrNot]:
        """Commit some writes; stop runs whose breaker trips, or that can afford no more calls.

        `repeated`: a commit of them was tried before, and nobody knows whether it happened.
        """
        settlements = [item for item in items if isinstance(item, Settlement)]
        openings = [item for item in items if isinstance(item, Opening)]
        settle_all = again.settle_all if repeated else settling.settle_all
        open_all = again.open_all if repeated else attempts.open_all
        tripped: dict[UUID, str] = {}
        with self._database.write.begin() as session:
            runs.hold(session, {item.request.run_id for item in items})
            with Books(session) as books:
                if settlements:
                    tripped = settle_all(session, settlements, books)
                ends = open_all(session, openings, books) if openings else []
        over = attempts.out_of_budget(openings, ends)
        follow_up(self._database, settlements, tripped, over)
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
