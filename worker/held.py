"""A batch in this process's hands for one step: moved, kept and let go by its token."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from core import batches, jobs
from core.db import utc_now
from core.models import DeclaredModel
from core.providers.adapters import Adapter, adapter_for
from core.providers.batch_api import TRANSFER_S, BatchApi
from core.rules.batches import ENDED_BATCH, BatchState, holder
from core.rules.budgets import Whose
from core.rules.specs import CredentialRef
from core.tables import Batch
from core.traces import Attributes
from worker.engine import Engine

T = TypeVar("T")

HOLD = timedelta(minutes=2)
"""Longer than anything a step does between two commits; a dead worker's batch is free then."""
CALLING = HOLD + timedelta(seconds=TRANSFER_S)
"""The same while a call is out."""


PART, READY, OUTPUT, ERRORS = KINDS = ("part", "jsonl", "output", "errors")
"""The files of a batch on this machine: what is written, what is whole, and what came back."""


class Lost(Exception):
    """Another step has the batch: this one took too long."""


class Interrupted(Exception):
    """The process is stopping."""


@dataclass
class Held:
    """A batch, held. `batch` is how it was last seen; its state follows every move."""

    engine: Engine
    batch: Batch
    token: str
    model: DeclaredModel
    """As declared now, at the address where the batch is."""
    fresh: bool = False
    """Whether this very step began it."""
    going: bool = field(default=True, init=False)

    @property
    def adapter(self) -> Adapter:
        """Return the wire format of the model."""
        return adapter_for(self.model.wire)

    @property
    def owner(self) -> str:
        """Return the name that the batch leases requests under."""
        return holder(self.batch.id)

    def traceparent(self) -> str | None:
        """Return the span that its steps are parts of: the submission of its job."""
        if not self.engine.traces.on:
            return None
        with self.engine.database.read() as session:
            return jobs.get(session, self.batch.job_id).traceparent

    def named(self) -> Attributes:
        """Return what a trace says of it."""
        batch = self.batch
        return {
            "gerbench.job": str(batch.job_id),
            "gerbench.batch": str(batch.id),
            "gerbench.credential": batch.credential,
        }

    def file(self, kind: str) -> Path:
        """Return where a file of this batch lies on this machine; its folder is made."""
        folder = self.engine.scratch
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.batch.id}.{kind}"

    def keep(self, session: Session, **values: Any) -> None:
        """Hold the batch for what this transaction does, and set columns. Raises Lost."""
        kept = {"held_until": utc_now() + HOLD, **values}
        if not batches.change(session, self.batch.id, self.token, **kept):
            raise Lost

    def note(self, **values: Any) -> None:
        """Set columns of the batch. Raises Lost."""
        with self.engine.database.write.begin() as session:
            self.keep(session, **values)
        self._seen(values)

    def move(self, target: BatchState, **values: Any) -> None:
        """Move the batch. Raises Lost."""
        now = utc_now()
        with self.engine.database.write.begin() as session:
            if not batches.move(session, self.batch.id, self.token, target, now=now, **values):
                raise Lost
        self._seen({"state": target, **values})
        self.going = target not in ENDED_BATCH
        if target is not BatchState.UPLOADING:
            for kind in KINDS:
                self.file(kind).unlink(missing_ok=True)

    def let_go(self, wait: timedelta, **values: Any) -> None:
        """End the step; the next is due after a wait."""
        with self.engine.database.write.begin() as session:
            batches.let_go(session, self.batch.id, self.token, poll_at=utc_now() + wait, **values)
        self.going = False

    def is_wanted(self) -> bool:
        """Tell whether a run of its job still runs."""
        with self.engine.database.read() as session:
            return batches.is_wanted(session, self.batch.id)

    def stop_runs(self, reason: str) -> None:
        """Pause the runs it is for, until a person has put right what is wrong."""
        with self.engine.database.read() as session:
            running = batches.running_runs(session, self.batch)
        for run_id in running:
            self.stop_run(run_id, reason)

    def stop_run(self, run_id: UUID, reason: str, *, over: Whose | None = None) -> None:
        """Pause one run; `over` is whose budget has no room for it, if that is why."""
        with self.engine.database.write.begin() as session:
            jobs.stop(session, run_id, reason, over=over, now=utc_now())

    def call(self, work: Callable[[BatchApi], Coroutine[Any, Any, T]]) -> T:
        """Make a call to the provider, held meanwhile.

        Raises BatchFault, MissingCredential, Lost, or Interrupted when the process stops first.
        """
        if self.engine.stopping.is_set():
            raise Interrupted
        secret = self._secret()
        self.note(held_until=utc_now() + CALLING)
        client = self.engine.clients.of(str(self.model.base_url), trusted=self.model.trusted)
        api = BatchApi(client, self.adapter, self.model, secret, utc_now())
        try:
            return self.engine.run(self._cut_off_by_a_stop(work(api)))
        except CancelledError as error:
            raise Interrupted from error

    async def _cut_off_by_a_stop(self, work: Coroutine[Any, Any, T]) -> T:
        """Make a call as one that a stop does not wait for."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        self.engine.calls.add(task)
        try:
            return await work
        finally:
            self.engine.calls.discard(task)

    def _secret(self) -> str | None:
        """Return the secret of its credential, read at its use. Raises MissingCredential."""
        refs: dict[str, CredentialRef] = {ref.key: ref for ref in self.model.credentials}
        ref = refs.get(self.batch.credential)
        return None if ref is None else self.engine.vault.resolve(ref, self.model.sealed)

    def _seen(self, values: dict[str, Any]) -> None:
        """Bring what is in memory up to what was written."""
        for name, value in values.items():
            setattr(self.batch, name, value)


def new_token(engine: Engine) -> str:
    """Return a name for one step."""
    return f"{engine.owner}/{secrets.token_hex(6)}"
