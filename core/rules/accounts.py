"""The account of one credential of a model: what is under way, what counts, and when there is room.

Pure: `now` is an argument. The limiter's `account.lua` is the same for Redis.
"""

from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush

from core.rules.crowds import Crowd
from core.rules.rates import FULL_WAIT_S, Rates
from core.rules.room import (
    NEVER,
    NOTHING,
    Cost,
    Health,
    Opening,
    Outcome,
    PastUse,
    Reason,
    Reservation,
    Rest,
    Room,
    Stamp,
)
from core.rules.specs import Limits
from core.rules.standing import Standing

CAREFUL_S = 0.25
"""How far ahead room is reserved at most while the rate is being found, or nothing was told.

What was reserved ahead of a 429 is sent all the same, and turned away too; what was reserved at an
even pace ahead of the news that it may all go at once still goes at that pace.
"""


class Account:
    """What a limiter knows of one credential. Its methods are called with `now` rising."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.flight: dict[str, Reservation] = {}
        self.flying = NOTHING
        self.granted = NOTHING
        """All that was ever granted: what stamps count in."""
        self._expiries: list[tuple[float, str]] = []
        self.reinstate()

    def reinstate(self) -> None:
        """Forget what was held against the credential, and what was found out about its limits."""
        self.standing = Standing()
        self.crowd = Crowd(self.granted.requests)
        self.rates.forget()

    @property
    def used(self) -> int:
        """Return the requests that count against a minute."""
        return self.rates.minute.requests + self.flying.requests

    def concurrency(self, limits: Limits) -> int:
        """Return how many calls may be under way: as configured, or as found so far."""
        return self.crowd.room if limits.concurrency is None else limits.concurrency

    def opening(self, limits: Limits, cost: Cost, now: float, horizon: float) -> Opening:
        """Return when there is room for a cost, and whether it may be reserved now."""
        self.prune(now)
        standing, rates, flying = self.standing, self.rates, self.flying
        rates.pace.starts_low = limits.concurrency is not None
        if standing.until >= NEVER:
            return Opening(NEVER, Health.REVOKED)
        known = rates.known_for(limits)
        at = now
        why: Reason | Health | None = None
        if standing.until > now:
            at, why = standing.until, standing.health
        concurrency = 1 if standing.on_trial else self.concurrency(limits)
        if cost.requests > concurrency:
            return Opening(NEVER, Reason.CONCURRENCY)
        full = flying.requests + cost.requests > concurrency
        room = rates.opening(known, cost, flying, now)
        if room.at >= NEVER:
            return room
        if full:
            return Opening(max(at, now + FULL_WAIT_S), why or Reason.CONCURRENCY, sure=False)
        if not room.sure:
            return Opening(max(at, room.at), why or room.why, sure=False)
        if room.at > at:
            at, why = room.at, room.why
        return Opening(
            at, why, reach=min(horizon, CAREFUL_S) if rates.careful(known, now) else horizon
        )

    def take(
        self, owner: str, limits: Limits, cost: Cost, moment: float, now: float
    ) -> tuple[Reservation, Stamp]:
        """Reserve room for a moment at which there is some; `keep` the reservation."""
        ahead = self.flying
        busy = self.rates.take(limits, cost, moment, now, alone=not ahead.requests)
        self.granted = self.granted.plus(cost)
        self.flying = ahead.plus(cost)
        self.crowd.grant(self.flying.requests)
        return Reservation(owner, cost), Stamp(moment, self.granted, ahead, busy)

    def keep(self, grant_id: str, reservation: Reservation, expires: float) -> None:
        """Remember a reservation until it is settled, released, or expires."""
        self.flight[grant_id] = reservation
        heappush(self._expiries, (expires, grant_id))

    def settle(self, grant_id: str, cost: Cost, stamp: Stamp, outcome: Outcome, now: float) -> None:
        """Count a call from now on, the latest that the provider can have; learn from its end.

        A grant that is not known, because it expired or the account was lost, counts all the same.
        """
        self.prune(now)
        rates, standing = self.rates, self.standing
        actual = standing.tokens(cost.tokens, outcome.tokens, now)
        known = self.flight.pop(grant_id, None) is not None
        if known:
            self.flying = self.flying.minus(cost)
            rates.use(cost.tokens, actual, now)
            self._watch(stamp, outcome, now)
        rates.count(now, cost.requests, actual)
        if standing.settle(stamp.at, good=outcome.rest is None) and stamp.busy and known:
            rates.pace.rise(rates.known.rpm)
        rates.learn(outcome.seen, cost, stamp, self.granted, now, flying=self.flying)
        if outcome.rest is not None and self._penalize(outcome.rest, now):
            self.crowd.cut(stamp.granted.requests, self.granted.requests)

    def release(self, grant_id: str, now: float) -> None:
        """Give back room that was not used."""
        self.prune(now)
        reservation = self.flight.pop(grant_id, None)
        if reservation is not None:
            self.flying = self.flying.minus(reservation.cost)
            self.rates.give(reservation.cost)

    def penalize(self, rest: Rest, now: float) -> None:
        """Rest after a 429, an exhausted quota or a revocation; the graver one stays."""
        self.prune(now)
        self._penalize(rest, now)

    def restore(self, past: Sequence[PastUse], now: float) -> None:
        """Count what was used before a restart, unless the account has counted anything itself."""
        self.prune(now)
        if self.flight or self.rates.day.requests:
            return
        for age, tokens in sorted(past, reverse=True):
            self.rates.count(now - age, 1, tokens)
        self.prune(now)

    def prune(self, now: float) -> None:
        """Count reservations whose time has passed, as of then; forget what has left."""
        expiries = self._expiries
        while expiries and expiries[0][0] <= now:
            expires, grant_id = heappop(expiries)
            reservation = self.flight.pop(grant_id, None)
            if reservation is not None:
                self.flying = self.flying.minus(reservation.cost)
                self.rates.count(expires, *reservation.cost)
        self.rates.prune(now)

    def owners(self) -> Counter[str]:
        """Return how many calls each owner has under way."""
        return Counter(reservation.owner for reservation in self.flight.values())

    def rooms(self, limits: Limits) -> tuple[Room, Room, Room]:
        """Return what is used of RPM, TPM and RPD."""
        rates, flying = self.rates, self.flying
        known, told = rates.known_for(limits), rates.told
        tokens, of_day = rates.minute.tokens + flying.tokens, rates.day.requests + flying.requests
        return (
            Room(self.used, limits.rpm, known.rpm, told.rpm),
            Room(tokens, limits.tpm, known.tpm, told.tpm),
            Room(of_day, limits.rpd, known.rpd, told.rpd),
        )

    def _watch(self, stamp: Stamp, outcome: Outcome, now: float) -> None:
        """Have the search for the best number of calls under way learn from a call.

        One that was turned away says how long that takes, not how long the work does.
        """
        if outcome.rest is None:
            number, granted = stamp.granted.requests, self.granted.requests
            self.crowd.settle(number, granted, max(0.0, now - stamp.at), failed=outcome.failed)

    def _penalize(self, rest: Rest, now: float) -> bool:
        """Rest; return whether that is for a 429 that is news."""
        if rest.health is Health.REVOKED:
            self.standing.revoke(rest.reason)
        elif rest.health is Health.EXHAUSTED:
            self.standing.exhaust(rest.wait_s, rest.reason, now)
        elif self.standing.throttle(rest.wait_s, rest.reason, now):
            self.rates.turn_away(rest.wait_s, self.standing.streak, self.used, now)
            return True
        return False
