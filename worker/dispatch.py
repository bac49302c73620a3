"""The slice: due requests of one model, leased and sent, for a bounded time."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from structlog.contextvars import bind_contextvars

from core import attempts, leases, models
from core.db import AWAY, utc_now, words_of
from core.leases import Leased
from core.limiter.interface import LimiterAway
from core.models import DeclaredModel
from core.rules.room import PastUse
from core.rules.states import RequestState
from core.rules.strategy import Verdict
from core.settling import Settlement
from worker.call import Built, Call, Made
from worker.contexts import inputs_of, of_run
from worker.engine import Engine
from worker.turnstile import GivenBack, Turnstile

log = structlog.get_logger()

SLICE_S = 25.0
"""How long a slice leases. It returns when its calls are over, well under every visibility
timeout, and the next slice leases meanwhile."""

LOOK_S = 0.1
"""Between looks at the queue while calls of this slice are under way and nothing is due."""

GROUP = 8
"""Calls whose bodies are built in one go off the loop: each change of threads costs as much as a
small body."""

FLUSH_S = 0.005
"""Bodies that take longer to build are handed to the loop one by one."""

WAKE_S = 0.7
"""Between wake-ups of other workers; no divisor of a tick, so that the two do not fall in step."""

WAKES = 2
"""Messages of one: whoever waited longest for a message gets the first, which is often this very
process, and the next one gets the second."""

LEASE_MARGIN = timedelta(seconds=90)
"""A lease outlasts the wait for a turn and the longest call by this much."""

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Slice:
    """One slice of one model.

    It leases what the next moments need and no more: what is leased cannot be given to a job that
    is submitted now, nor taken back by a pause.
    """

    def __init__(
        self, engine: Engine, model_id: UUID, model: DeclaredModel, wake: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._wake = wake
        self._woke_at = float("-inf")
        self._model_id = model_id
        self._turnstile = Turnstile(engine, model_id, model, SLICE_S)
        self._lasts = timedelta(seconds=model.timeout_s + SLICE_S) + LEASE_MARGIN
        self._flow = engine.courses[model_id].flow
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def over(self) -> bool:
        """Tell whether it ended since its time has passed, and for no other reason."""
        return self._turnstile.over

    async def run(self) -> bool:
        """Lease and send until the time is over or nothing is due; tell whether nothing is."""
        turnstile = self._turnstile
        while left := turnstile.left_s:
            ahead = self._flow.ahead(
                turnstile.granted, self._engine.loop.time(), dry=turnstile.waiting == 0
            )
            if turnstile.waiting > ahead // 2:
                await turnstile.thinned(ahead // 2, min(left, LOOK_S))
                continue
            room = ahead - turnstile.waiting
            try:
                leased = await self._engine.in_thread(self._lease, room)
            except AWAY as away:
                # Calls under way go on; the writer keeps what comes back.
                log.warning("nothing can be leased: the database is away", error=words_of(away))
                return False
            if not leased and not self._tasks:
                return True
            turnstile.expect(len(leased))
            for group in _groups(leased):
                self._begin(self._prepare(group))
            if not leased:
                await asyncio.wait(self._tasks, timeout=LOOK_S)
            elif len(leased) == room:
                await self._wake_others()
        return False

    async def _wake_others(self) -> None:
        """Tell other workers that there is more than this process can hold, now and then."""
        now = self._engine.loop.time()
        if now - self._woke_at >= WAKE_S:
            self._woke_at = now
            await self._engine.in_thread(self._call_others)

    def _call_others(self) -> None:
        for _ in range(WAKES):
            self._wake()

    async def finish(self) -> None:
        """Wait for the calls that are out; those that wait for room are given back."""
        self._turnstile.close()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _lease(self, slots: int) -> list[Call]:
        """Take due requests, with all that is needed to make their calls. Raises one of AWAY."""
        engine = self._engine
        with engine.database.write.begin() as session:
            taken = leases.lease(
                session,
                self._model_id,
                owner=engine.owner,
                slots=slots,
                now=utc_now(),
                lasts=self._lasts,
            )
        try:
            return self._calls(taken)
        except AWAY:
            # They are ours, and nobody would look at them before their leases end.
            engine.loop.call_soon_threadsafe(self._return, taken)
            raise

    def _calls(self, taken: Sequence[Leased]) -> list[Call]:
        """Read what the calls of leased requests need."""
        engine = self._engine
        with engine.database.read() as session:
            samples = inputs_of(session, taken)
            for run_id in {request.run_id for request in taken} - engine.contexts.keys():
                engine.contexts[run_id] = of_run(session, run_id)
        return [
            Call(
                self._turnstile,
                request,
                engine.contexts[request.run_id],
                [samples[sample] for sample in request.sample_ids],
            )
            for request in taken
        ]

    async def _prepare(self, calls: Sequence[Call]) -> None:
        """Build the bodies of some calls and begin each when it is built."""
        await self._engine.in_thread(self._build, calls)

    def _build(self, calls: Sequence[Call]) -> None:
        """Build bodies, and hand them to the loop a few milliseconds' worth at a time."""
        loop = self._engine.loop
        ready: list[tuple[Call, Made]] = []
        since = time.monotonic()
        for call in calls:
            ready.append((call, call.build()))
            if time.monotonic() - since >= FLUSH_S:
                loop.call_soon_threadsafe(self._start, ready)
                ready, since = [], time.monotonic()
        loop.call_soon_threadsafe(self._start, ready)

    def _start(self, ready: Sequence[tuple[Call, Made]]) -> None:
        """Begin calls."""
        for call, built in ready:
            if isinstance(built, Built):
                self._flow.weigh(len(built.content))
            self._begin(self._carry(call, built))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a part of the slice beside the others."""
        task = self._engine.loop.create_task(work)
        self._tasks.add(task)
        self._engine.calls.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Forget a part that is over."""
        self._tasks.discard(task)
        self._engine.calls.discard(task)

    async def _carry(self, call: Call, built: Made) -> None:
        """Make a call; a bug in one must not end the others, and its lease brings it back."""
        bind_contextvars(job=call.context.job_id, run=call.request.run_id, request=call.request.id)
        try:
            with self._engine.traces.span(
                "request", call.named(), parent=call.context.traceparent
            ) as span:
                try:
                    await call.make(built)
                except GivenBack as given:
                    span.note({"gerbench.given_back_s": given.wait_s})
                    await self._give_back(call, given.wait_s)
        except Exception:
            log.exception("call failed")

    async def _give_back(self, call: Call, wait_s: float) -> None:
        """Return a request that was not sent to the queue; no attempt counts."""
        await self._engine.writer.write(self._unsent(call.request, wait_s))

    def _return(self, taken: Sequence[Leased]) -> None:
        """Return requests to the queue as soon as that can be written."""
        for request in taken:
            self._engine.writer.write(self._unsent(request, 0.0))

    def _unsent(self, request: Leased, wait_s: float) -> Settlement:
        """Return what becomes of a request that was not sent."""
        verdict = Verdict(RequestState.DUE, wait_s=wait_s)
        return Settlement(request, self._engine.owner, verdict, utc_now(), None)


def _groups(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    """Yield calls a few at a time."""
    for start in range(0, len(calls), GROUP):
        yield calls[start : start + GROUP]


async def dispatch(engine: Engine, model_id: UUID, wake: Callable[[], None] = lambda: None) -> None:
    """Run one slice of a model, unless this process has one that is leasing, or it rests.

    `wake` is called when more is due than this process can hold, so that others join in: Redis
    hands messages out in turn, and two workers may else share them so that one only ever gets
    the ticks and the other only the wake-ups, which it has no use for.
    """
    now = engine.loop.time()
    if model_id in engine.leasing or engine.resting.get(model_id, now) > now:
        return
    engine.leasing.add(model_id)
    try:
        model = await engine.in_thread(_spec, engine, model_id)
        engine.called[model_id] = model
        await _restore(engine, model_id, model)
        slice_ = Slice(engine, model_id, model, wake)
        drained = await slice_.run()
    finally:
        engine.leasing.discard(model_id)
    try:
        if slice_.over:
            # The next one goes on at once, while the last calls of this one end.
            await engine.in_thread(wake)
    finally:
        await slice_.finish()
    if drained:
        # Runs may have come to their end; the next tick would see it a second later.
        await engine.in_thread(engine.upkeep.tidy)


def _spec(engine: Engine, model_id: UUID) -> DeclaredModel:
    """Return a model as it is declared now."""
    with engine.database.read() as session:
        return models.declared(session, model_id)


async def _restore(engine: Engine, model_id: UUID, model: DeclaredModel) -> None:
    """Tell the limiter once what was sent before this process started.

    Without this a restart would forget the calls of the last minute and day, and overrun limits
    that the provider still counts them under.
    """
    if model_id in engine.restored:
        return
    uses = await engine.in_thread(_past, engine, model_id, model)
    try:
        for credential, past in uses.items():
            await engine.limiter.restore(str(model_id), model.limits, credential, past)
    except LimiterAway:
        return  # the next slice tries again; this one finds no room either
    engine.restored.add(model_id)


def _past(engine: Engine, model_id: UUID, model: DeclaredModel) -> dict[str, list[PastUse]]:
    """Return what a model used within the longest window of its limits."""
    now = utc_now()
    longest = DAY if model.limits.rpd else MINUTE
    reach = longest + timedelta(seconds=model.timeout_s)
    with engine.database.read() as session:
        return attempts.past_uses(
            session, model_id, unheard_tokens=model.max_tokens, since=now - reach, now=now
        )
