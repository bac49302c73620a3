"""Limits of calls that all leave from this process."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.limiter.interface import (
    TOLERANCE_S,
    CredentialStatus,
    Grant,
    NeverFits,
    Reserved,
    Wait,
    refusal,
    until,
)
from core.rules.accounts import Account
from core.rules.room import NEVER, Cost, Health, Opening, Outcome, PastUse, Rest
from core.rules.specs import Limits


class Terms(NamedTuple):
    """What is the same for all calls that are asked for at once."""

    owner: str
    horizon_s: float
    ttl_s: float


class MemoryLimiter:
    """Keeps the accounts in memory. One for all threads of a process: no method ever waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._accounts: dict[tuple[str, str], Account] = {}
        self._ids = itertools.count(1)

    async def reserve(
        self,
        model: str,
        limits: Limits,
        credentials: Sequence[str],
        costs: Sequence[Cost],
        *,
        owner: str,
        horizon_s: float,
        ttl_s: float,
    ) -> Reserved:
        """See `Limiter.reserve`."""
        grants: list[Grant] = []
        room: Grant | Wait | None = None
        terms = Terms(owner, horizon_s, ttl_s)
        with self._lock:
            now = self._clock()
            accounts = [(name, self._account(model, name)) for name in credentials]
            for cost in costs:
                try:
                    room = self._find(accounts, limits, cost, terms, now)
                except NeverFits:
                    if not grants:
                        raise
                    room = None
                if not isinstance(room, Grant):
                    break
                grants.append(room)
        return Reserved(grants, room if isinstance(room, Wait) else None)

    def _find(
        self,
        accounts: Sequence[tuple[str, Account]],
        limits: Limits,
        cost: Cost,
        terms: Terms,
        now: float,
    ) -> Grant | Wait:
        """Reserve room for one call where it comes first. Raises NeverFits."""
        openings: list[Opening] = []
        best: tuple[str, Account] | None = None
        best_at = NEVER
        for name, account in accounts:
            opening = account.opening(limits, cost, now, terms.horizon_s)
            openings.append(opening)
            at = opening.at
            if not opening.sure or at > now + opening.reach + TOLERANCE_S or at > best_at:
                continue
            if best is not None and at == best_at and account.used >= best[1].used:
                continue
            best, best_at = (name, account), at
        if best is None:
            names = (name for name, _ in accounts)
            return refusal(zip(names, openings, strict=True), cost, now)
        name, account = best
        grant_id = str(next(self._ids))
        reservation, stamp = account.take(terms.owner, limits, cost, best_at, now)
        account.keep(grant_id, reservation, best_at + terms.ttl_s)
        return Grant(grant_id, name, min(best_at - now, terms.horizon_s), cost, stamp)

    async def settle(self, model: str, grant: Grant, outcome: Outcome) -> None:
        """See `Limiter.settle`."""
        with self._lock:
            account = self._account(model, grant.credential)
            account.settle(grant.id, grant.cost, grant.stamp, outcome, self._clock())

    async def release(self, model: str, grant: Grant) -> None:
        """See `Limiter.release`."""
        with self._lock:
            self._account(model, grant.credential).release(grant.id, self._clock())

    async def penalize(self, model: str, credential: str, rest: Rest) -> None:
        """See `Limiter.penalize`."""
        with self._lock:
            self._account(model, credential).penalize(rest, self._clock())

    async def reinstate(self, model: str, credential: str) -> None:
        """See `Limiter.reinstate`."""
        with self._lock:
            self._account(model, credential).reinstate()

    async def restore(
        self,
        model: str,
        limits: Limits,  # noqa: ARG002 - an implementation may bound what it keeps by them
        credential: str,
        past: Sequence[PastUse],
    ) -> None:
        """See `Limiter.restore`."""
        with self._lock:
            self._account(model, credential).restore(past, self._clock())

    async def status(
        self, model: str, limits: Limits, credentials: Sequence[str]
    ) -> list[CredentialStatus]:
        """See `Limiter.status`."""
        with self._lock:
            now = self._clock()
            return [
                _status(self._account(model, credential), credential, limits, now)
                for credential in credentials
            ]

    async def close(self) -> None:
        """See `Limiter.close`."""

    def _account(self, model: str, credential: str) -> Account:
        key = (model, credential)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account()
        return account


def _status(account: Account, credential: str, limits: Limits, now: float) -> CredentialStatus:
    account.prune(now)
    standing, rooms = account.standing, account.rooms(limits)
    health = standing.at(now)
    rests = health is not Health.HEALTHY
    return CredentialStatus(
        credential,
        health,
        until(standing.until - now) if rests and standing.until < NEVER else None,
        standing.reason if rests else None,
        account.flying.requests,
        account.owners(),
        account.concurrency(limits),
        *rooms,
        account.rates.pace.rpm(rooms[0].effective),
    )
