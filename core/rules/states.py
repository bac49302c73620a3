"""Where jobs, runs and requests stand, and the moves that are legal."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where a run stands; a job's status is read from its runs by `combine`."""

    QUEUED = "queued"
    """Committed, not planned yet. `plan` moves it on; a crash before its commit changes nothing."""

    RUNNING = "running"
    """Its requests are in the queue. Settled by workers, closed by `tick`, which also rescues
    the requests of a worker that crashed."""

    PAUSED = "paused"
    """Nothing new is sent; calls under way end and are kept. Moved by a person, or by the breaker
    with the provider's words as the reason. Only a person moves it on."""

    COMPLETED = "completed"
    """Every sample has an outcome and the metrics are stored."""

    FAILED = "failed"
    """Closed without one answer or refusal; `reason` says why."""

    CANCELLED = "cancelled"
    """Ended by a person; what had been answered is kept."""


class RequestState(StrEnum):
    """Where a request stands."""

    DUE = "due"
    """Waiting for a worker, from `not_before` on."""

    WAITING = "waiting"
    """Waiting for a place in a provider's batch, from `not_before` on; no slice looks at it."""

    LEASED = "leased"
    """Held by one worker until its lease expires; a crash leaves it here until `rescue`. Or held
    by a batch, which outlives workers and ends it."""

    DONE = "done"
    """Every sample in it has its outcome."""

    SPLIT = "split"
    """Its children carry on with the samples that had none."""

    FAILED = "failed"
    """Rejected, or out of attempts: its samples failed."""

    CANCELLED = "cancelled"
    """Its run was cancelled before it was answered."""


RUN_MOVES: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.PAUSED, Status.FAILED, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.PAUSED, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    # Retry: the failed samples are asked about again.
    Status.COMPLETED: frozenset({Status.RUNNING}),
    Status.FAILED: frozenset({Status.RUNNING}),
    Status.CANCELLED: frozenset(),
}

REQUEST_MOVES: Mapping[RequestState, frozenset[RequestState]] = {
    RequestState.DUE: frozenset({RequestState.LEASED, RequestState.CANCELLED}),
    RequestState.WAITING: frozenset({RequestState.LEASED, RequestState.CANCELLED}),
    RequestState.LEASED: frozenset(
        {
            RequestState.DUE,
            RequestState.WAITING,
            RequestState.DONE,
            RequestState.SPLIT,
            RequestState.FAILED,
            RequestState.CANCELLED,
        }
    ),
    RequestState.DONE: frozenset(),
    RequestState.SPLIT: frozenset(),
    RequestState.FAILED: frozenset(),
    RequestState.CANCELLED: frozenset(),
}

ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""A run that stands here has `finished_at`."""

UNSENT = frozenset({RequestState.DUE, RequestState.WAITING})
"""A request that stands here is in nobody's hands."""

OPEN_REQUEST = UNSENT | {RequestState.LEASED}
"""A run is closed when none of its requests stands here."""


def run_sources(target: Status) -> frozenset[Status]:
    """Return every status from which a run may enter `target`."""
    return frozenset(status for status in Status if target in RUN_MOVES[status])


def combine(statuses: Iterable[Status]) -> Status:
    """Return the status of a job from those of its runs, of which there is at least one.

    While anything moves the job runs; when nothing moves and something is paused it is paused;
    when all is over, the worst end names it.
    """
    seen = set(statuses)
    if seen == {Status.QUEUED}:
        return Status.QUEUED
    if seen & {Status.QUEUED, Status.RUNNING}:
        return Status.RUNNING
    for status in (Status.PAUSED, Status.CANCELLED, Status.FAILED):
        if status in seen:
            return status
    return Status.COMPLETED
