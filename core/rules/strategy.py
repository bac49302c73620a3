"""What follows from a reply: which samples end, which are asked about again, and when.

Cause-driven: a refusal or a request too large is split until the sample behind it stands alone;
a partial answer is kept and only the rest re-asked; a fault sends the same request again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.rules.outages import FAULTS
from core.rules.planning import halves
from core.rules.readings import Answer, Parsed, Reading
from core.rules.retry import MAX_FAILURES, MAX_REFUSALS, MAX_THROTTLES, delay
from core.rules.states import RequestState
from core.vocabulary import Cause, Outcome, Result

MAX_UNREADABLE = 2
"""Tries at a single sample whose answer cannot be read: the second rules out a passing slip."""

BREAKER = 5
"""Requests rejected in a row that pause a run: the sixth would be rejected too."""


@dataclass(frozen=True)
class Asked:
    """A request as it stood when the attempt was made."""

    size: int
    failures: int = 0
    throttles: int = 0
    refusals: int = 0


@dataclass(frozen=True)
class Child:
    """A request to make from some slots of its parent."""

    slots: tuple[int, ...]
    cause: Cause


@dataclass(frozen=True)
class Verdict:
    """What becomes of a request after an attempt."""

    state: RequestState
    answers: Mapping[int, Answer] = field(default_factory=dict)
    """Slots that end answered."""
    outcome: Outcome | None = None
    """How every slot that is neither answered nor in a child ends; None: it stays open."""
    children: tuple[Child, ...] = ()
    wait_s: float = 0.0
    """Before it is due again."""
    failed: bool = False
    throttled: bool = False
    refused: bool = False
    rejected: bool = False
    """Counts towards the breaker."""


def decide(
    asked: Asked,
    reading: Reading,
    parsed: Parsed | None,
    *,
    refusal: bool,
    jitter: float,
    outage: bool = False,
) -> Verdict:
    """Return what becomes of a request.

    `parsed` is the text of an answered attempt, read; `refusal` tells that a text from which
    nothing was read is a refusal in prose. `jitter` is in [0, 1). In an `outage` a fault says
    nothing of the request, and does not count.
    """
    if outage and reading.result in FAULTS:
        wait = delay(failures=1, retry_after_s=reading.retry_after_s, seed=jitter)
        return Verdict(RequestState.DUE, wait_s=wait)
    if reading.result is not Result.ANSWERED:
        return RULES[reading.result](asked, reading, jitter)
    if parsed is not None and parsed.answers:
        return _answered(asked, parsed)
    return _refused(asked, reading, jitter) if refusal else _unreadable(asked, jitter)


def lost(asked: Asked, *, jitter: float) -> Verdict:
    """Return what becomes of a request whose attempt nobody heard the end of."""
    return decide(asked, Reading(Result.UNKNOWN), None, refusal=False, jitter=jitter)


def _answered(asked: Asked, parsed: Parsed) -> Verdict:
    """Keep what is aligned; re-ask only for the rest."""
    missing = tuple(slot for slot in range(asked.size) if slot not in parsed.answers)
    if not missing:
        return Verdict(RequestState.DONE, answers=parsed.answers)
    child = Child(missing, Cause.MISSING)
    return Verdict(RequestState.SPLIT, answers=parsed.answers, children=(child,))


def _unreadable(asked: Asked, jitter: float) -> Verdict:
    """Split a batch of which nothing could be read; give a single sample one more try."""
    if asked.size > 1:
        return _split(asked, Cause.MISSING)
    if asked.failures + 1 < MAX_UNREADABLE:
        wait = delay(failures=asked.failures + 1, retry_after_s=None, seed=jitter)
        return Verdict(RequestState.DUE, wait_s=wait, failed=True)
    return Verdict(RequestState.DONE, outcome=Outcome.UNPARSED, failed=True)


def _refused(asked: Asked, _: Reading, __: float) -> Verdict:
    """Split down to the sample that is refused, and believe that after a few tries."""
    if asked.size > 1:
        return _split(asked, Cause.REFUSAL)
    if asked.refusals + 1 < MAX_REFUSALS:
        return Verdict(RequestState.DUE, refused=True)
    return Verdict(RequestState.DONE, outcome=Outcome.REFUSED, refused=True)


def _oversized(asked: Asked, reading: Reading, _: float) -> Verdict:
    """Split what does not fit; a single sample that does not fit ends."""
    if asked.size > 1:
        return _split(asked, Cause(reading.result.value))
    if reading.result is Result.LENGTH:
        return Verdict(RequestState.DONE, outcome=Outcome.UNPARSED)
    return Verdict(RequestState.FAILED, outcome=Outcome.FAILED)


def _split(asked: Asked, cause: Cause) -> Verdict:
    """Hand every slot to one of two children."""
    parts = halves(tuple(range(asked.size)))
    return Verdict(
        RequestState.SPLIT,
        children=tuple(Child(part, cause) for part in parts),
        refused=cause is Cause.REFUSAL,
    )


def _throttled(asked: Asked, reading: Reading, jitter: float) -> Verdict:
    """Wait as long as the provider says; a limit is no fault of the request."""
    if asked.throttles + 1 >= MAX_THROTTLES:
        return Verdict(RequestState.FAILED, outcome=Outcome.FAILED, throttled=True)
    wait = delay(failures=1, retry_after_s=reading.retry_after_s, seed=jitter)
    return Verdict(RequestState.DUE, wait_s=wait, throttled=True)


def _faulty(asked: Asked, reading: Reading, jitter: float) -> Verdict:
    """Send the same again after a wait that grows, a bounded number of times."""
    failures = asked.failures + 1
    if failures >= MAX_FAILURES:
        return Verdict(RequestState.FAILED, outcome=Outcome.FAILED, failed=True)
    wait = delay(failures=failures, retry_after_s=reading.retry_after_s, seed=jitter)
    return Verdict(RequestState.DUE, wait_s=wait, failed=True)


def _unfit(_: Asked, __: Reading, ___: float) -> Verdict:
    """Leave a request whose credential is at fault as it was: the limiter picks another."""
    return Verdict(RequestState.DUE)


def _rejected(_: Asked, __: Reading, ___: float) -> Verdict:
    """End a request that sending again cannot help."""
    return Verdict(RequestState.FAILED, outcome=Outcome.FAILED, rejected=True)


def _withdrawn(_: Asked, __: Reading, ___: float) -> Verdict:
    """Leave a line that its batch never came to as it was, for the next batch."""
    return Verdict(RequestState.WAITING)


RULES: Mapping[Result, Callable[[Asked, Reading, float], Verdict]] = {
    Result.REFUSED: _refused,
    Result.LENGTH: _oversized,
    Result.TOO_LARGE: _oversized,
    Result.RATE_LIMITED: _throttled,
    Result.QUOTA: _unfit,
    Result.UNAUTHORIZED: _unfit,
    Result.SERVER_ERROR: _faulty,
    Result.TIMEOUT: _faulty,
    Result.RESET: _faulty,
    Result.MALFORMED: _faulty,
    Result.UNKNOWN: _faulty,
    Result.WITHDRAWN: _withdrawn,
    Result.REJECTED: _rejected,
}
"""What follows from every result but an answer."""
