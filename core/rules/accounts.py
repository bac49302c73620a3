"""The account of one credential of a model: what is under way, what counts, and when there is room.

Pure: `now` is an argument. The limiter's `account.lua` is the same for Redis.
"""

from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from core.rules.headers import SeenLimits
from core.rules.limits import (
    DAY_BUCKET_S,
    DAY_S,
    FULL,
    MINUTE_BUCKET_S,
    MINUTE_S,
    TOKEN_BURST_S,
    Counted,
    Gate,
    Pace,
    Window,
    least,
)
from core.rules.room import (
    NEVER,
    NOTHING,
    Cost,
    Health,
    Opening,
    PastUse,
    Reason,
    Reservation,
    Room,
    Stamp,
)
from core.rules.specs import Limits
from core.rules.standing import Standing

FULL_WAIT_S = 0.25
"""When to ask again where all room is under way: nobody knows when a call ends."""

CAREFUL_S = 0.25
"""How far ahead room is reserved at most while the rate is being found, or nothing was told.

What was reserved ahead of a 429 is sent all the same, and turned away too; what was reserved at an
even pace ahead of the news that it may all go at once still goes at that pace.
"""


class Known(NamedTuple):
    """The limits that are kept: as configured, or as the provider told where that is less."""

    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None


class Account:
    """What a limiter knows of one credential. Its methods are called with `now` rising."""

    def __init__(self) -> None:
        self.minute = Window(MINUTE_S, MINUTE_BUCKET_S)
        self.day = Window(DAY_S, DAY_BUCKET_S)
        self.flight: dict[str, Reservation] = {}
        self.flying = NOTHING
        self.granted = NOTHING
        """All that was ever granted: what stamps count in."""
        self.last = -FULL
        """The moment of the last grant."""
        self._expiries: list[tuple[float, str]] = []
        self.reinstate()

    def reinstate(self) -> None:
        """Forget what was held against the credential, and what was found out about its limits."""
        self.standing = Standing()
        self.requests = Gate()
        self.tokens = Gate()
        self.pace = Pace()
        self.told = Known()
        self.known = Known()
        """As of the last reservation."""
        self._asked: Limits | None = None
        self._answered = Known()

    @property
    def used(self) -> int:
        """Return the requests that count against a minute."""
        return self.minute.requests + self.flying.requests

    def opening(self, limits: Limits, cost: Cost, now: float, horizon: float) -> Opening:
        """Return when there is room for a cost, and whether it may be reserved now."""
        self.prune(now)
        standing, known = self.standing, self._known(limits)
        if standing.until >= NEVER:
            return Opening(NEVER, Health.REVOKED)
        at = now
        why: Reason | Health | None = None
        if standing.until > now:
            at, why = standing.until, standing.health
        if (never := self._never(known, limits.concurrency, cost)) is not None:
            return Opening(NEVER, never)
        if self.flying.requests + cost.requests > limits.concurrency:
            return Opening(max(at, now + FULL_WAIT_S), why or Reason.CONCURRENCY, sure=False)
        logged = self._logged(known, cost, now)
        if not logged.sure:
            return Opening(max(at, logged.at), why or logged.why, sure=False)
        gated = self._gated(known, cost, now)
        for opening in (logged, gated):
            if opening.at > at:
                at, why = opening.at, opening.why
        careful = self.pace.searching(known.rpm) or not self.requests.fresh(now)
        return Opening(at, why, reach=min(horizon, CAREFUL_S) if careful else horizon)

    def take(
        self, owner: str, limits: Limits, cost: Cost, moment: float, now: float
    ) -> tuple[Reservation, Stamp]:
        """Reserve room for a moment at which there is some; `keep` the reservation."""
        known, ahead = self._known(limits), self.flying
        rate = self.pace.rpm(known.rpm) / MINUTE_S
        busy = moment - self.last <= 2 * cost.requests / rate
        self.requests.take(moment, now, cost.requests, rate, 1.0)
        if (rate := self._token_rate(known.tpm, now)) > 0:
            self.tokens.take(moment, now, cost.tokens, rate, rate * TOKEN_BURST_S)
        self.known, self.last = known, moment
        self.granted = self.granted.plus(cost)
        self.flying = ahead.plus(cost)
        return Reservation(owner, cost), Stamp(moment, self.granted, ahead, busy)

    def keep(self, grant_id: str, reservation: Reservation, expires: float) -> None:
        """Remember a reservation until it is settled, released, or expires."""
        self.flight[grant_id] = reservation
        heappush(self._expiries, (expires, grant_id))

    def settle(
        self, grant_id: str, cost: Cost, stamp: Stamp, tokens: int | None, now: float
    ) -> None:
        """Count a call from now on: this is the latest moment that the provider can have.

        A grant that is not known, because it expired or the account was lost, counts all the same.
        """
        self.prune(now)
        actual = self.standing.tokens(cost.tokens, tokens, now)
        known = self.flight.pop(grant_id, None) is not None
        if known:
            self.flying = self.flying.minus(cost)
            # Once the provider says what remains, it is the one to give tokens back.
            if actual > cost.tokens or not self.tokens.fresh(now):
                self.tokens.give(cost.tokens - actual)
        self._count(now, cost.requests, actual)
        if self.standing.settle(stamp.at) and stamp.busy and known:
            self.pace.rise(self.known.rpm)

    def release(self, grant_id: str, now: float) -> None:
        """Give back room that was not used."""
        self.prune(now)
        reservation = self.flight.pop(grant_id, None)
        if reservation is not None:
            self.flying = self.flying.minus(reservation.cost)
            self.requests.give(reservation.cost.requests)
            self.tokens.give(reservation.cost.tokens)

    def observe(self, seen: SeenLimits, cost: Cost, stamp: Stamp | None, now: float) -> None:
        """Learn from a reply's headers; `cost` and `stamp` are those of the call it answers.

        Without a stamp all that is under way is taken for not counted yet.
        """
        self.prune(now)
        self._tell(seen, now)
        granted, after, ahead, age = self.granted, self.flying, NOTHING, 0.0
        if stamp is not None and stamp.granted.requests <= granted.requests:
            if stamp.granted.requests < self.requests.newest:
                return  # The reply to a later request was heard already: it knows better.
            self.requests.newest = stamp.granted.requests
            after, ahead = granted.minus(stamp.granted), stamp.ahead
            age = max(0.0, now - stamp.at)
        if not seen.requests.daily:
            rpm = least(self.known.rpm, self.told.rpm)
            call = Counted(1, after.requests, ahead.requests, age)
            pace = self.pace.rpm(rpm) / MINUTE_S
            self.requests.hear(now, seen.requests, call, rate=pace, burst=1.0, limit=rpm)
        tokens, tpm = seen.scarcest_tokens, least(self.known.tpm, self.told.tpm)
        rate = (tpm or self.tokens.most or tokens.remaining or 1) / MINUTE_S
        call = Counted(cost.tokens, after.tokens, ahead.tokens, age)
        burst = rate * TOKEN_BURST_S
        self.tokens.hear(now, tokens, call, rate=rate, burst=burst, limit=tpm)

    def penalize(self, health: Health, wait: float | None, reason: str, now: float) -> None:
        """Rest after a 429, an exhausted quota or a revocation; the graver one stays."""
        self.prune(now)
        if health is Health.REVOKED:
            self.standing.revoke(reason)
        elif health is Health.EXHAUSTED:
            self.standing.exhaust(wait, reason, now)
        elif self.standing.throttle(wait, reason, now):
            if not self.requests.fresh(now):
                self.pace.fall(self.known.rpm, self.used)
            self.requests.distrust(now)
            self.tokens.distrust(now)

    def restore(self, past: Sequence[PastUse], now: float) -> None:
        """Count what was used before a restart, unless the account has counted anything itself."""
        self.prune(now)
        if self.flight or self.day.requests:
            return
        for age, tokens in sorted(past, reverse=True):
            self._count(now - age, 1, tokens)
        self.prune(now)

    def prune(self, now: float) -> None:
        """Count reservations whose time has passed, as of then; forget what has left."""
        expiries = self._expiries
        while expiries and expiries[0][0] <= now:
            expires, grant_id = heappop(expiries)
            reservation = self.flight.pop(grant_id, None)
            if reservation is not None:
                self.flying = self.flying.minus(reservation.cost)
                self._count(expires, *reservation.cost)
        self.minute.prune(now)
        self.day.prune(now)

    def owners(self) -> Counter[str]:
        """Return how many calls each owner has under way."""
        return Counter(reservation.owner for reservation in self.flight.values())

    def rooms(self, limits: Limits) -> tuple[Room, Room, Room]:
        """Return what is used of RPM, TPM and RPD."""
        known, told, flying = self._known(limits), self.told, self.flying
        used = self.minute.tokens + flying.tokens, self.day.requests + flying.requests
        return (
            Room(self.used, limits.rpm, known.rpm, told.rpm),
            Room(used[0], limits.tpm, known.tpm, told.tpm),
            Room(used[1], limits.rpd, known.rpd, told.rpd),
        )

    def _count(self, at: float, requests: int, tokens: int) -> None:
        self.minute.add(at, requests, tokens)
        self.day.add(at, requests, tokens)

    def _known(self, limits: Limits) -> Known:
        """Return the limits to keep. They seldom change, and are asked for all the time."""
        if limits is not self._asked:
            self._asked, told = limits, self.told
            self._answered = Known(
                least(limits.rpm, told.rpm),
                least(limits.tpm, told.tpm),
                least(limits.rpd, told.rpd),
            )
        return self._answered

    def _never(self, known: Known, concurrency: int, cost: Cost) -> Reason | None:
        """Return the limit that is too low for a cost, whatever is used of it."""
        if known.tpm is not None and cost.tokens > known.tpm:
            return Reason.TPM
        if known.rpm is not None and cost.requests > known.rpm:
            return Reason.RPM
        if known.rpd is not None and cost.requests > known.rpd:
            return Reason.RPD
        return Reason.CONCURRENCY if cost.requests > concurrency else None

    def _logged(self, known: Known, cost: Cost, now: float) -> Opening:
        """Return when the windows have room."""
        minute, day, flying = self.minute, self.day, self.flying
        requests, tokens = flying.requests + cost.requests, flying.tokens + cost.tokens
        at, why = now, None
        for limit, amount, leave, reason in (
            (known.rpm, minute.requests + requests, minute.requests_leave, Reason.RPM),
            (known.tpm, minute.tokens + tokens, minute.tokens_leave, Reason.TPM),
            (known.rpd, day.requests + requests, day.requests_leave, Reason.RPD),
        ):
            if limit is None or amount <= limit:
                continue
            leaves = leave(amount - limit)
            if leaves is None:
                return Opening(now + FULL_WAIT_S, reason, sure=False)
            if leaves > at:
                at, why = leaves, reason
        return Opening(at, why)

    def _gated(self, known: Known, cost: Cost, now: float) -> Opening:
        """Return when the gates let it go."""
        rate = self.pace.rpm(known.rpm) / MINUTE_S
        at = self.requests.opens(now, cost.requests, rate, 1.0)
        if (rate := self._token_rate(known.tpm, now)) > 0:
            opens = self.tokens.opens(now, cost.tokens, rate, rate * TOKEN_BURST_S)
            if opens > at:
                return Opening(opens, Reason.TPM)
        return Opening(at, Reason.RPM)

    def _token_rate(self, tpm: int | None, now: float) -> float:
        """Return the tokens a second that refill; 0 where nothing is known of them."""
        if tpm is not None:
            return tpm / MINUTE_S
        return self.tokens.most / MINUTE_S if self.tokens.fresh(now) else 0.0

    def _tell(self, seen: SeenLimits, now: float) -> None:
        """Keep the limits that a reply names."""
        requests, told = seen.requests, self.told
        rpm, rpd = requests.limit or told.rpm, told.rpd
        if requests.daily:
            rpm, rpd = told.rpm, requests.limit or told.rpd
            if requests.remaining == 0 and requests.limit:
                self.requests.hold = now + DAY_S / requests.limit
        self.told, self._asked = Known(rpm, seen.scarcest_tokens.limit or told.tpm, rpd), None
