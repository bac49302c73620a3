"""Limits of calls that all leave from this process."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence

from core.limiter.interface import TOLERANCE_S, CredentialStatus, Grant, Wait, refusal, until
from core.rules.accounts import Account
from core.rules.headers import SeenLimits
from core.rules.room import NEVER, Cost, Health, Opening, PastUse
from core.rules.specs import Limits


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
        cost: Cost,
        *,
        owner: str,
        horizon_s: float,
        ttl_s: float,
    ) -> Grant | Wait:
        """See `Limiter.reserve`."""
        with self._lock:
            now = self._clock()
            openings: list[Opening] = []
            best, best_account, best_at = "", None, NEVER
            for credential in credentials:
                account = self._account(model, credential)
                opening = account.opening(limits, cost, now, horizon_s)
                openings.append(opening)
                at = opening.at
                if not opening.sure or at > now + opening.reach + TOLERANCE_S or at > best_at:
                    continue
                if best_account and at == best_at and account.used >= best_account.used:
                    continue
                best, best_account, best_at = credential, account, at
            if best_account is None:
                pairs = zip(credentials, openings, strict=True)
                return refusal(pairs, cost, now)
            grant_id = str(next(self._ids))
            reservation, stamp = best_account.take(owner, limits, cost, best_at, now)
            best_account.keep(grant_id, reservation, best_at + ttl_s)
        return Grant(grant_id, best, min(best_at - now, horizon_s), cost, stamp)

    async def settle(self, model: str, grant: Grant, *, tokens: int | None) -> None:
        """See `Limiter.settle`."""
        with self._lock:
            account = self._account(model, grant.credential)
            account.settle(grant.id, grant.cost, grant.stamp, tokens, self._clock())

    async def release(self, model: str, grant: Grant) -> None:
        """See `Limiter.release`."""
        with self._lock:
            self._account(model, grant.credential).release(grant.id, self._clock())

    async def observe(
        self, model: str, credential: str, seen: SeenLimits, *, grant: Grant | None = None
    ) -> None:
        """See `Limiter.observe`."""
        cost, stamp = (grant.cost, grant.stamp) if grant else (Cost(), None)
        with self._lock:
            self._account(model, credential).observe(seen, cost, stamp, self._clock())

    async def penalize(
        self, model: str, credential: str, *, health: Health, wait_s: float | None, reason: str
    ) -> None:
        """See `Limiter.penalize`."""
        with self._lock:
            self._account(model, credential).penalize(health, wait_s, reason, self._clock())

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
        limits.concurrency,
        *rooms,
        account.pace.rpm(rooms[0].effective),
    )
