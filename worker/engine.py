"""What lives as long as the worker process: its loop, its clients, its place in the queue."""

import asyncio
import os
import secrets
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import uvloop

from core.db import Database, utc_now
from core.limiter.factory import create_limiter
from core.limiter.memory import MemoryLimiter
from core.media.store import MediaStore
from core.prompts import RunContext
from core.providers.client import ProviderClients
from core.rules.outages import Outage
from core.rules.specs import ModelSpec
from core.rules.standings import Want
from core.settings import Settings
from core.traces import of_process
from core.vault import Vault
from worker.courier import Courier
from worker.flow import Flow
from worker.gate import Gate
from worker.retention import Retention
from worker.spool import Spool
from worker.upkeep import Upkeep
from worker.writer import Writer

T = TypeVar("T")

STOP_S = 3.0
"""How long a stop waits for calls under way; a call that takes longer becomes unknown."""

PREPARERS = 4
"""Threads that prepare media and read the database for the loop."""


@dataclass
class Watch:
    """How this process looks for jobs that do not move."""

    patience: timedelta
    """How long nothing may be answered in a job before somebody is told."""
    since: datetime
    """When the process started."""
    looked_at: datetime | None = None
    """The last time."""


@dataclass
class Course:
    """How the calls of one model have gone in this process, and what follows for the next."""

    flow: Flow = field(default_factory=Flow)
    gate: Gate = field(default_factory=Gate)
    outage: Outage = field(default_factory=Outage)


class Engine:
    """One a process. Celery tasks hand it work from their threads; it runs on its own loop."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database.at(settings.database)
        self.scratch = settings.data / "scratch" / "batches"
        self.store = MediaStore(settings.media)
        self.retention = Retention(settings, self.database, self.store)
        self.limiter = create_limiter(settings.broker)
        self.vault = Vault.of(settings)
        self.clients = ProviderClients(settings.private_networks)
        self.courier = Courier(settings.private_webhooks)
        self.delivering = False
        """Whether this process sends what is due in the outbox."""
        self.watch = Watch(timedelta(seconds=settings.stall_s), utc_now())
        self.traces = of_process()
        self.tells_all = settings.logs_from == "debug"
        """Whether each attempt is a line of the log; to ask the log itself costs 5 us."""
        self.owner = f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(4)}"
        """The name this process leases under; new for each start, so no two ever share it."""
        self.contexts: dict[UUID, RunContext] = {}
        """Of runs seen so far: immutable once submitted, so never stale."""
        self.leasing: set[UUID] = set()
        """Models that a slice of this process is leasing for; a second slice would only compete."""
        self.restored: set[UUID] = set()
        """Models of whose past calls the limiter has been told."""
        self.planning: set[UUID] = set()
        """Runs that this process is planning."""
        self.calls: set[asyncio.Task[None]] = set()
        """Calls under way or waiting for their turn, of all slices."""
        self.resting: dict[UUID, float] = {}
        """Models that have no room before this moment of the loop's clock."""
        self.courses: defaultdict[UUID, Course] = defaultdict(Course)
        """How the calls of each model have gone."""
        self.called: dict[UUID, ModelSpec] = {}
        """Models that slices of this process were of lately, as they were declared then."""
        self.wants: dict[UUID, Want] = {}
        """What the next call of a model waits for; without it there was room."""
        self.ticked_at: datetime | None = None
        """When this process last carried out a tick."""
        self.upkeep = Upkeep(self.database)
        self.stopping = asyncio.Event()
        self._slices: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(PREPARERS, thread_name_prefix="prepare")
        self.loop = uvloop.new_event_loop()
        self.spool = settings.spool
        """The folder of replies that wait for the database."""
        self.writer = Writer(self.database, self.loop, Spool(self.spool, self.owner))
        self._thread = threading.Thread(target=self.loop.run_forever, name="dispatch", daemon=True)
        self._thread.start()

    @property
    def alone(self) -> bool:
        """Tell whether no other process calls the same models."""
        return isinstance(self.limiter, MemoryLimiter)

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """Run blocking work off the loop."""
        return await self.loop.run_in_executor(self._threads, work, *args)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop from another thread, to its end."""
        return asyncio.run_coroutine_threadsafe(self._watched(work), self.loop).result()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop, which a stop waits for; nobody else does."""
        asyncio.run_coroutine_threadsafe(self._watched(work), self.loop)

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as one that a stop waits for."""
        task = asyncio.ensure_future(work)
        self._slices.add(task)
        try:
            return await task
        finally:
            self._slices.discard(task)

    def wind_down(self) -> None:
        """Lease no more, and give calls under way a moment to end.

        What is still under way then stays `sent` in the database, and the next start calls it
        unknown: nobody can tell whether it was billed.
        """
        asyncio.run_coroutine_threadsafe(self._wind_down(), self.loop).result()

    def close(self) -> None:
        """Store what came back, and let go of everything; after `wind_down`."""
        asyncio.run_coroutine_threadsafe(self._close_clients(), self.loop).result()
        self.writer.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.database.close()

    async def _wind_down(self) -> None:
        """End the slices; calls that take too long are cut off."""
        self.stopping.set()
        if self._slices:
            await asyncio.wait(self._slices, timeout=STOP_S)
        for call in self.calls:
            call.cancel()
        # A slice ends with its calls.
        await asyncio.gather(*self._slices, return_exceptions=True)

    async def _close_clients(self) -> None:
        """Close what belongs to the loop."""
        await self.clients.aclose()
        await self.courier.aclose()
        await self.limiter.close()
