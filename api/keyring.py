"""The keys that callers hold, recognised: looked up at most once a second each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core import keys
from core.access import Caller, seen_by
from core.db import Database
from core.tables import ApiKey

REMEMBERED_S = 1.0
"""A key that was revoked by another process opens nothing after this."""
Find = Callable[..., ApiKey]
"""Takes a session, a digest and `now`; returns the key that it is of, or stands for."""
MAX_REMEMBERED = 1000
"""Keys; those whose time has passed are forgotten first, then all."""


@dataclass(frozen=True)
class Known:
    """A key that was recognised."""

    caller: Caller
    database: Database
    """As the caller sees it."""
    expires_at: datetime | None
    until: float
    """Of the clock: when it has to be looked up again."""


class Keyring:
    """Recognises keys, and remembers when they were used. Safe to use from several threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._used: dict[Caller, datetime] = {}

    def remembered(self, secret: str, *, now: datetime) -> Known | None:
        """Return whose a key is, if it was looked up just now. Raises Unauthorized."""
        known = self._known.get(keys.digest(secret))
        if known is None or known.until <= self._clock():
            return None
        return self._admitted(known, now)

    def recognise(self, secret: str, find: Find = keys.find, *, now: datetime) -> Known:
        """Look up whose a key is, or a token that stands for one. Raises Unauthorized."""
        hashed = keys.digest(secret)
        with self._database.read() as session:
            key = find(session, hashed, now=now)
        caller, until = Caller.of(key), self._clock() + REMEMBERED_S
        before = self._known.get(hashed)
        same = before is not None and before.caller == caller
        view = before.database if before and same else seen_by(self._database, caller)
        self._make_room()
        self._known[hashed] = known = Known(caller, view, key.expires_at, until)
        return self._admitted(known, now)

    def forget(self) -> None:
        """Look every key up again: one was revoked."""
        self._known.clear()

    def write_uses(self) -> None:
        """Write when keys were last used; called in the background, since it waits to write."""
        used, self._used = self._used, {}
        if used:
            # A request that came just before may still add to it.
            moments = {caller.key_id: at for caller, at in used.copy().items()}
            with self._database.write.begin() as session:
                keys.used(session, moments)

    def _admitted(self, known: Known, now: datetime) -> Known:
        """Return a key that is still good, and note that it was used."""
        keys.refuse_expired(known.expires_at, now=now)
        self._used[known.caller] = now
        return known

    def _make_room(self) -> None:
        """Forget keys whose time has passed, once there are many."""
        if len(self._known) < MAX_REMEMBERED:
            return
        now = self._clock()
        fresh = {hashed: known for hashed, known in self._known.copy().items() if known.until > now}
        self._known = fresh if len(fresh) < MAX_REMEMBERED else {}
