"""Why nothing moves: from what is known of a job's runs of one model to a sentence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from core.rules.room import Health
from core.rules.standings import ModelStanding, soonest
from core.vocabulary import Result

DOWN = frozenset({Result.SERVER_ERROR, Result.TIMEOUT, Result.RESET, Result.MALFORMED})
"""What a provider that is down comes to."""

SPOKE = frozenset(
    {Result.ANSWERED, Result.REFUSED, Result.LENGTH, Result.TOO_LARGE, Result.REJECTED}
)
"""What only a provider that is up comes to."""

ALIVE_FOR = timedelta(seconds=20)
"""A worker that was not seen for so long is taken for dead; it says every 5 s that it lives."""

TICKS_FOR = timedelta(seconds=30)
"""The queue stands still for want of a tick when the last one is older; they come every second."""

FRESH = timedelta(minutes=2)
"""A fault that is older explains nothing of what happens now: waits between tries are shorter."""


class StallCode(StrEnum):
    """Why nothing moves; stable and public."""

    NO_WORKER = "no_worker"
    """No worker is alive."""
    NO_TICK = "no_tick"
    """Workers are alive, and no `beat` sends them ticks."""
    UNPLANNED = "unplanned"
    """Its samples are not in the queue yet."""
    LIMITS_AWAY = "limits_away"
    """The limits, which are in Redis, cannot be reached."""
    REVOKED = "revoked"
    """The provider takes none of the credentials."""
    EXHAUSTED = "exhausted"
    """No credential has quota left."""
    PROVIDER_DOWN = "provider_down"
    """Every call since then has failed."""
    THROTTLED = "throttled"
    """The provider turned every credential away for a while."""
    LIMIT = "limit"
    """There is no room in a limit."""
    UNANSWERED = "unanswered"
    """Calls are under way, and the provider has not answered them."""
    OUTRANKED = "outranked"
    """A more urgent job has the model."""
    NOT_DUE = "not_due"
    """What is left is to be sent later."""
    UNEXPLAINED = "unexplained"
    """None of these; the worker's log may tell."""


@dataclass(frozen=True)
class Stall:
    """Why nothing was answered for a while."""

    code: StallCode
    since: datetime
    until: datetime | None
    """When it ends by itself; None where nobody knows."""
    detail: str
    """For people."""


@dataclass(frozen=True)
class Fault:
    """How the last call that failed ended."""

    at: datetime
    words: str


@dataclass(frozen=True)
class Facts:
    """What is known of a job's runs of one model, none of which has moved for a while."""

    moved_at: datetime
    """When one of them last moved on: was planned or resumed, or their model spoke."""
    worker_seen_at: datetime | None
    """When a worker was last seen; None: none ever was."""
    worker_alive: bool
    ticked_at: datetime | None
    """When a worker last carried out a tick."""
    planned: bool = True
    """Whether any of its requests is in the queue."""
    in_batch: bool = False
    """Whether its provider is at work on a batch of it."""
    standing: ModelStanding = field(default_factory=ModelStanding)
    faulty_since: datetime | None = None
    """The first fault since their model last spoke."""
    fault: Fault | None = None
    """The last one."""
    under_way: int = 0
    oldest_sent_at: datetime | None = None
    timeout_s: float = 0.0
    """The longest a call of the model may take."""
    outranked_by: str | None = None
    """A more urgent job of the same model, if one moves."""
    next_due_at: datetime | None = None
    """The earliest moment at which one of its requests may be sent."""


def explain(facts: Facts, *, now: datetime) -> Stall | None:
    """Return why nothing moves: the first cause that applies, those that hide others first.

    None while a provider is at work on a batch: that takes hours, and is shown as what it is.
    """
    if stall := unattended(facts, now=now):
        return stall
    if facts.in_batch:
        return None
    for cause in CAUSES:
        if stall := cause(facts, now):
            return stall
    detail = f"nothing was answered since {moment(facts.moved_at)}; the worker's log may say why"
    return Stall(StallCode.UNEXPLAINED, facts.moved_at, None, detail)


def unattended(facts: Facts, *, now: datetime) -> Stall | None:
    """Return why nobody works at anything, whatever else is known."""
    return _no_worker(facts, now) or _no_tick(facts, now)


def moment(at: datetime) -> str:
    """Return a moment as sentences write it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _no_worker(facts: Facts, _: datetime) -> Stall | None:
    """Tell that there is nobody to send anything."""
    if facts.worker_alive:
        return None
    seen = facts.worker_seen_at
    if seen is None:
        detail = "no worker was ever alive; start one with `gerbench worker`"
        return Stall(StallCode.NO_WORKER, facts.moved_at, None, detail)
    detail = f"no worker is alive since {moment(seen)}; start one with `gerbench worker`"
    return Stall(StallCode.NO_WORKER, seen, None, detail)


def _no_tick(facts: Facts, now: datetime) -> Stall | None:
    """Tell that nobody tells the workers to look at the queue."""
    ticked = facts.ticked_at
    if ticked is not None and now - ticked < TICKS_FOR:
        return None
    since = facts.moved_at if ticked is None else ticked
    came = "ever came" if ticked is None else f"came since {moment(ticked)}"
    detail = f"workers are alive, but no tick {came}; start `gerbench beat`"
    return Stall(StallCode.NO_TICK, since, None, detail)


def _unplanned(facts: Facts, _: datetime) -> Stall | None:
    """Tell that it is not in the queue."""
    if facts.planned:
        return None
    detail = f"it waits to be planned since {moment(facts.moved_at)}; the worker's log may say why"
    return Stall(StallCode.UNPLANNED, facts.moved_at, None, detail)


def _limits_away(facts: Facts, _: datetime) -> Stall | None:
    """Tell that no room can be reserved."""
    if facts.standing.away is None:
        return None
    return Stall(StallCode.LIMITS_AWAY, facts.moved_at, None, facts.standing.away)


def _spent(facts: Facts, now: datetime) -> Stall | None:
    """Tell that no credential may be used until its quota is filled, or ever."""
    return _resting(facts, now, {Health.EXHAUSTED, Health.REVOKED})


def _throttled(facts: Facts, now: datetime) -> Stall | None:
    """Tell that the provider turned every credential away."""
    return _resting(facts, now, {Health.THROTTLED})


def _resting(facts: Facts, now: datetime, healths: set[Health]) -> Stall | None:
    """Tell what the credential has that may be used again first."""
    first = soonest(facts.standing.credentials)
    if first is None or first.health not in healths:
        return None
    if first.until is not None and first.until <= now:
        return None
    said = f": {first.reason}" if first.reason else ""
    until = "" if first.until is None else f" until {moment(first.until)}"
    detail = f"{first.credential} is {first.health}{until}{said}"
    return Stall(StallCode(first.health.value), facts.moved_at, first.until, detail)


def _down(facts: Facts, now: datetime) -> Stall | None:
    """Tell that every call fails, in the provider's words."""
    since, last = facts.faulty_since, facts.fault
    if since is None or last is None or now - last.at >= FRESH:
        return None
    detail = f"the provider is down since {moment(since)}: {last.words}"
    return Stall(StallCode.PROVIDER_DOWN, since, None, detail)


def _limited(facts: Facts, now: datetime) -> Stall | None:
    """Tell which limit there is no room in, and until when."""
    want = facts.standing.want
    if want is None or want.until <= now or want.limit is None:
        return None
    detail = f"it waits for the limit of {want.limit} until {moment(want.until)}"
    return Stall(StallCode.LIMIT, facts.moved_at, want.until, detail)


def _unanswered(facts: Facts, _: datetime) -> Stall | None:
    """Tell since when the provider owes an answer."""
    sent = facts.oldest_sent_at
    if not facts.under_way or sent is None:
        return None
    calls = f"{facts.under_way} call{'s' * (facts.under_way != 1)}"
    detail = (
        f"{calls} under way without an answer, the first since {moment(sent)};"
        f" one may take {facts.timeout_s:g} s"
    )
    return Stall(StallCode.UNANSWERED, sent, None, detail)


def _outranked(facts: Facts, _: datetime) -> Stall | None:
    """Tell who goes first."""
    if facts.outranked_by is None:
        return None
    detail = f"job {facts.outranked_by}, which is more urgent, has its model"
    return Stall(StallCode.OUTRANKED, facts.moved_at, None, detail)


def _not_due(facts: Facts, now: datetime) -> Stall | None:
    """Tell when the next request is to be sent."""
    due = facts.next_due_at
    if due is None or due <= now:
        return None
    said = f": {facts.fault.words}" if facts.fault else ""
    detail = f"its next request is due at {moment(due)}{said}"
    return Stall(StallCode.NOT_DUE, facts.moved_at, due, detail)


CAUSES: tuple[Callable[[Facts, datetime], Stall | None], ...] = (
    _unplanned,
    _limits_away,
    _spent,
    _down,
    _throttled,
    _limited,
    _unanswered,
    _outranked,
    _not_due,
)
