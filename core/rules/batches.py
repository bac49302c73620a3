"""A provider's batch: where it stands, how large it may be, when it is looked at, how it ends."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from core.errors import InvalidInput
from core.vocabulary import Dispatch, Result

URLS: Mapping[str, str] = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
}
"""Of the wires with a batch mode: the endpoint that each line of a file is for."""

MAX_LINES = 50_000
MAX_BYTES = 199_000_000
"""OpenAI takes 200 MB a file; whether those are 10⁶ or 2²⁰ bytes each it does not say."""

WINDOW_S = 86_400.0
"""A batch is through by then, or expires with what it has."""

HOLDER = "batch:"
"""In front of a batch's id: the name it leases requests under."""

SHORTEST_POLL_S, LONGEST_POLL_S = 2.0, 60.0
UNHEARD = timedelta(seconds=30)
"""A creation nobody heard the end of shows in the provider's list by then, or never happened."""
LONGEST_REST_S = 600.0
SILENCE = timedelta(days=3)
"""Past its window a batch that cannot be reached for so long is gone."""
GONE_TRIES = 3
"""Times in a row that a batch must be unknown to its provider to be gone."""
MAX_BARREN = 3
"""Batches in a row that may expire without one answer, before a person is asked."""


class BatchState(StrEnum):
    """Where a batch stands. Steps are done by whoever holds it; a hold that ran out is taken."""

    PREPARING = "preparing"
    """Leases requests and writes their attempts. A crash leaves it here: the next step returns
    what has no attempt, and goes on with what has."""

    UPLOADING = "uploading"
    """Its file is being sent and the provider's batch created. After a crash the next step looks
    for that batch before it creates one."""

    SUBMITTED = "submitted"
    """At the provider; polled."""

    HARVESTING = "harvesting"
    """Over at the provider, or given up: its results are settled. A crash settles none twice."""

    DONE = "done"
    FAILED = "failed"
    """Turned away by the provider, or gone."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Ending(StrEnum):
    """Why a batch is over."""

    COMPLETED = "completed"
    FAILED = "failed"
    """The provider's validation turned it away."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    """The provider took no such file, or no batch of it."""
    GONE = "gone"
    """The provider knows it no more."""


BATCH_MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.PREPARING: frozenset({BatchState.UPLOADING, BatchState.CANCELLED}),
    BatchState.UPLOADING: frozenset({BatchState.SUBMITTED, BatchState.HARVESTING}),
    BatchState.SUBMITTED: frozenset({BatchState.HARVESTING}),
    BatchState.HARVESTING: frozenset(
        {BatchState.DONE, BatchState.FAILED, BatchState.EXPIRED, BatchState.CANCELLED}
    ),
    BatchState.DONE: frozenset(),
    BatchState.FAILED: frozenset(),
    BatchState.EXPIRED: frozenset(),
    BatchState.CANCELLED: frozenset(),
}

ENDED_BATCH = frozenset(state for state, targets in BATCH_MOVES.items() if not targets)
"""A batch that stands here has `finished_at`."""

STATE_OF: Mapping[Ending, BatchState] = {
    Ending.COMPLETED: BatchState.DONE,
    Ending.FAILED: BatchState.FAILED,
    Ending.EXPIRED: BatchState.EXPIRED,
    Ending.CANCELLED: BatchState.CANCELLED,
    Ending.REJECTED: BatchState.FAILED,
    Ending.GONE: BatchState.FAILED,
}

ENDING_OF: Mapping[str, Ending] = {
    "completed": Ending.COMPLETED,
    "failed": Ending.FAILED,
    "expired": Ending.EXPIRED,
    "cancelled": Ending.CANCELLED,
}
"""By the provider's status; all others mean that it goes on."""

UNANSWERED: Mapping[Ending, Result] = {
    Ending.COMPLETED: Result.UNKNOWN,
    Ending.FAILED: Result.WITHDRAWN,
    Ending.EXPIRED: Result.WITHDRAWN,
    Ending.CANCELLED: Result.WITHDRAWN,
    Ending.REJECTED: Result.WITHDRAWN,
    Ending.GONE: Result.UNKNOWN,
}
"""What a line comes to that is in neither of the result files."""

TOO_MUCH = "token_limit_exceeded"
"""The code of a batch that is more than may be enqueued at once."""


def batch_sources(target: BatchState) -> frozenset[BatchState]:
    """Return every state from which a batch may enter `target`."""
    return frozenset(state for state in BatchState if target in BATCH_MOVES[state])


def holder(batch_id: UUID) -> str:
    """Return the name that a batch leases its requests under."""
    return f"{HOLDER}{batch_id}"


def check_dispatch(dispatch: Dispatch, model: str, wire: str) -> None:
    """Raise InvalidInput where a model cannot be reached as a job asks."""
    if dispatch is Dispatch.BATCH and wire not in URLS:
        raise InvalidInput(
            f"model {model!r} speaks {wire}, for which gerbench knows no batch mode; submit with"
            f" dispatch `online`, or choose models that speak {' or '.join(sorted(URLS))}"
        )


def allowed_lines(before: int, *, fitted: bool | None) -> int:
    """Return how many lines the next file may have, after one of `before`.

    Half as many where that was too much to enqueue, twice as many where it was not, and the same
    while nobody knows.
    """
    if fitted is None:
        return before
    return min(MAX_LINES, before * 2) if fitted else max(1, before // 2)


def poll_after(age: timedelta) -> timedelta:
    """Return the wait before the next look at a batch of that age: a tenth of it, in bounds."""
    tenth = age.total_seconds() / 10
    return timedelta(seconds=min(max(tenth, SHORTEST_POLL_S), LONGEST_POLL_S))


def rest_after(tries: int, named_s: float | None) -> timedelta:
    """Return the wait after so many failed calls in a row; a wait that was named is believed."""
    doubled = min(SHORTEST_POLL_S * 2.0 ** min(tries, 12), LONGEST_REST_S)
    return timedelta(seconds=max(doubled, named_s or 0.0))


def is_gone(unknown_tries: int, *, expires_at: datetime | None, now: datetime) -> bool:
    """Tell whether a batch is given up: unknown time and again, or silent long past its window."""
    silent = expires_at is not None and now > expires_at + SILENCE
    return unknown_tries >= GONE_TRIES or silent


def eta_seconds(
    *, lines: int, ended: int, submitted_at: datetime, expires_at: datetime | None, now: datetime
) -> float | None:
    """Return the seconds a batch still needs, at its pace so far, at most to the window's end."""
    left = None if expires_at is None else max(0.0, (expires_at - now).total_seconds())
    if not ended:
        return left
    paced = (now - submitted_at).total_seconds() / ended * max(0, lines - ended)
    return paced if left is None else min(paced, left)
