"""What lives as long as the worker process: its loop, its clients, its place in the queue."""

import asyncio
import os
import secrets
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import uvloop

from core.db import Database
from core.limiter.factory import create_limiter
from core.media.store import MediaStore
from core.prompts import RunContext
from core.providers.client import ProviderClients
from core.rules.outages import Outage
from core.rules.specs import ModelSpec
from core.rules.standings import Want
from core.settings import Settings
from core.traces import of_process
from core.vault import Vault
from worker.flow import Flow
from worker.retention import Retention
from worker.spool import Spool
from worker.writer import Writer

T = TypeVar("T")

STOP_S = 3.0
"""How long a stop waits for calls under way; a call that takes longer becomes unknown."""

PREPARERS = 4
"""Threads that prepare media and read the database for the loop."""


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
        self.flows: defaultdict[UUID, Flow] = defaultdict(Flow)
        """How fast the calls of each model leave."""
        self.called: dict[UUID, ModelSpec] = {}
        """Models that slices of this process were of lately, as they were declared then."""
        self.wants: dict[UUID, Want] = {}
        """What the next call of a model waits for; without it there was room."""
        self.ticked_at: datetime | None = None
        """When this process last carried out a tick."""
        self.rescued = 0
        """Requests taken back from workers that died."""
        self.outages: defaultdict[UUID, Outage] = defaultdict(Outage)
        """Which models' endpoints are down, as far as this process has seen."""
        self.stopping = asyncio.Event()
        self._slices: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(PREPARERS, thread_name_prefix="prepare")
        self.loop = uvloop.new_event_loop()
        self.spool = settings.spool
        """The folder of replies that wait for the database."""
        self.writer = Writer(self.database, self.loop, Spool(self.spool, self.owner))
        self._thread = threading.Thread(target=self.loop.run_forever, name="dispatch", daemon=True)
        self._thread.start()

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
        await self.limiter.close()
