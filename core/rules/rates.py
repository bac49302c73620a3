"""The rates of one credential of a model: what counts, what the provider said, when there is room.

Pure: `now` is an argument. The limiter's `account.lua` is the same for Redis.
"""

from core.rules.gates import Gate
from core.rules.headers import SeenLimits
from core.rules.limits import (
    DAY_BUCKET_S,
    DAY_S,
    FRESH_S,
    FULL,
    MARGIN_S,
    MINUTE_BUCKET_S,
    MINUTE_S,
    TOKEN_BURST_S,
    Known,
    Pace,
    Window,
    least,
)
from core.rules.room import NEVER, NOTHING, Cost, Opening, Reason, Stamp
from core.rules.specs import Limits
from core.rules.words import Counted, Word

FULL_WAIT_S = 0.25
"""When to ask again where all room is under way: nobody knows when a call ends."""

LONG_S = 120.0
"""A longer wait after a 429 is for a limit a day: no minute takes so long to end."""

OVERRUNS = 3
"""429s in a row that cannot be for too many calls under way, where their number is being found."""


class Rates:
    """What counts against the limits on rates. Its methods are called with `now` rising."""

    def __init__(self) -> None:
        self.minute = Window(MINUTE_S, MINUTE_BUCKET_S)
        self.day = Window(DAY_S, DAY_BUCKET_S)
        self.last = -FULL
        """The moment of the last grant."""
        self.forget()

    def forget(self) -> None:
        """Forget what was found out about the limits."""
        self.requests = Gate()
        self.tokens = Gate()
        self.daily = Word()
        self.pace = Pace()
        self.told = Known()
        self.known = Known()
        """As of the last reservation."""
        self._asked: Limits | None = None
        self._answered = Known()

    def known_for(self, limits: Limits) -> Known:
        """Return the limits to keep. They seldom change, and are asked for all the time."""
        if limits is not self._asked:
            self._asked, told = limits, self.told
            self._answered = Known(
                least(limits.rpm, told.rpm),
                least(limits.tpm, told.tpm),
                least(limits.rpd, told.rpd),
            )
        return self._answered

    def opening(self, known: Known, cost: Cost, flying: Cost, now: float) -> Opening:
        """Return when there is room for a cost beside what is under way."""
        if (never := _never(known, cost)) is not None:
            return Opening(NEVER, never)
        logged = self._logged(known, cost, flying, now)
        if not logged.sure:
            return logged
        gated = self._gated(known, cost, now)
        return gated if gated.at > logged.at else logged

    def careful(self, known: Known, now: float) -> bool:
        """Tell whether the rate is not sure enough to reserve room far ahead, or needs no pace."""
        requests = self.requests
        whole = requests.whole and not requests.refills(now)
        return whole or self.pace.searching(known.rpm) or not requests.fresh(now)

    def take(self, limits: Limits, cost: Cost, moment: float, now: float, *, alone: bool) -> bool:
        """Reserve room; return whether calls follow each other as fast as the rate lets them."""
        known = self.known_for(limits)
        if alone:
            for word in (self.requests, self.tokens, self.daily):
                word.begin()
        rate = self.pace.rpm(known.rpm) / MINUTE_S
        busy = moment - self.last <= 2 * cost.requests / rate
        self.requests.take(moment, now, cost.requests, rate, 1.0)
        if (rate := self._token_rate(known.tpm, now)) > 0:
            self.tokens.take(moment, now, cost.tokens, rate, rate * TOKEN_BURST_S)
        self.daily.sure -= cost.requests
        self.known, self.last = known, moment
        return busy

    def give(self, cost: Cost) -> None:
        """Give room back that was not used."""
        self.requests.give(cost.requests)
        self.tokens.give(cost.tokens)

    def use(self, estimate: int, actual: int, now: float) -> None:
        """Put what a call used in the place of what was reserved for it."""
        # Once the provider says what remains, it is the one to give tokens back.
        if actual > estimate or not self.tokens.fresh(now):
            self.tokens.give(estimate - actual)

    def count(self, at: float, requests: int, tokens: int) -> None:
        """Count something as of a moment."""
        self.minute.add(at, requests, tokens)
        self.day.add(at, requests, tokens)

    def prune(self, now: float) -> None:
        """Forget what has left."""
        self.minute.prune(now)
        self.day.prune(now)

    def learn(
        self,
        seen: SeenLimits,
        cost: Cost,
        stamp: Stamp,
        granted: Cost,
        now: float,
        *,
        flying: Cost,
    ) -> None:
        """Learn from a reply's headers; `flying` is what is still under way.

        What the level and the word know comes from the replies to the latest calls; but what was
        left when the last was answered comes from all of them.
        """
        daily = self._tell(seen, now)
        self._learn(seen, cost, stamp, granted, now, daily=daily)
        requests = self.daily if daily else self.requests
        requests.end(now, seen.requests.remaining, sent=stamp.at, flying=flying.requests)
        tokens = seen.scarcest_tokens.remaining
        self.tokens.end(now, tokens, sent=stamp.at, flying=flying.tokens)

    def _learn(
        self,
        seen: SeenLimits,
        cost: Cost,
        stamp: Stamp,
        granted: Cost,
        now: float,
        *,
        daily: bool,
    ) -> None:
        """Learn from a reply; `cost` and `stamp` are those of the call it answers.

        `granted` is all that was by now; where it is less than the stamp says, the account was
        lost, and all before the call is taken for counted.
        """
        after, ahead = NOTHING, stamp.ahead
        if stamp.granted.requests <= granted.requests:
            if stamp.granted.requests < self.requests.newest:
                return  # The reply to a later request was heard already: it knows better.
            self.requests.newest = stamp.granted.requests
            after = granted.minus(stamp.granted)
        age = max(0.0, now - stamp.at)
        call = Counted(1, after.requests, ahead.requests, age)
        if daily:
            self.daily.hear(now, seen.requests, call, seen.requests.reset_s or FRESH_S)
        else:
            rpm = least(self.known.rpm, self.told.rpm)
            pace = self.pace.rpm(rpm) / MINUTE_S
            self.requests.learn(now, seen.requests, call, rate=pace, burst=1.0, limit=rpm)
        tokens, tpm = seen.scarcest_tokens, least(self.known.tpm, self.told.tpm)
        rate = (tpm or self.tokens.most or tokens.remaining or 1) / MINUTE_S
        call = Counted(cost.tokens, after.tokens, ahead.tokens, age)
        burst = rate * TOKEN_BURST_S
        self.tokens.learn(now, tokens, call, rate=rate, burst=burst, limit=tpm)

    def turn_away(self, wait: float | None, streak: int, used: int, now: float) -> None:
        """Learn from a 429 that is news, the last of so many in a row."""
        if wait is not None and wait > LONG_S:
            self.daily.resets_at = now + wait + MARGIN_S
            return
        if not self.requests.fresh(now) and (self.pace.paces(self.known.rpm) or streak >= OVERRUNS):
            self.pace.fall(self.known.rpm, used)
        self.requests.distrust(now)
        self.tokens.distrust(now)

    def _logged(self, known: Known, cost: Cost, flying: Cost, now: float) -> Opening:
        """Return when the windows have room, or the provider's own word excuses them.

        It does where the provider's limit is the one that is kept: what is configured to be less
        is kept whatever remains.
        """
        minute, day, told = self.minute, self.day, self.told
        requests, tokens = flying.requests + cost.requests, flying.tokens + cost.tokens
        turned_away = told.rpd is None and self.daily.resets_at < FULL
        rpd = known.rpd if turned_away else told.rpd
        at, why, alone = now, None, not flying.requests
        for limit, said, amount, leave, reason, word, need in (
            (
                known.rpm,
                told.rpm,
                minute.requests + requests,
                minute.requests_leave,
                Reason.RPM,
                self.requests,
                cost.requests,
            ),
            (
                known.tpm,
                told.tpm,
                minute.tokens + tokens,
                minute.tokens_leave,
                Reason.TPM,
                self.tokens,
                cost.tokens,
            ),
            (
                known.rpd,
                rpd,
                day.requests + requests,
                day.requests_leave,
                Reason.RPD,
                self.daily,
                cost.requests,
            ),
        ):
            if limit is None or amount <= limit:
                continue
            leaves = leave(amount - limit)
            moment, sure = now + FULL_WAIT_S if leaves is None else leaves, leaves is not None
            if said == limit:
                moment, sure = _excused(word, need, moment, now, sure=sure, alone=alone)
            if not sure:
                return Opening(moment, reason, sure=False)
            if moment > at:
                at, why = moment, reason
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

    def _tell(self, seen: SeenLimits, now: float) -> bool:
        """Keep the limits that a reply names; return whether that on requests is one a day.

        The headers do not say which it is: a figure that only the limit a day is known by tells.
        """
        requests, told = seen.requests, self.told
        daily = requests.daily or (
            requests.limit is not None and requests.limit == self.known.rpd != self.known.rpm
        )
        rpm, rpd = requests.limit or told.rpm, told.rpd
        if daily:
            rpm, rpd = told.rpm, requests.limit or told.rpd
            if requests.remaining == 0 and requests.limit:
                unit = DAY_S / requests.limit
                self.requests.hold = now + min(unit, requests.reset_s or unit)
        self.told = Known(rpm, seen.scarcest_tokens.limit or told.tpm, rpd)
        self._asked = None
        return daily


def _excused(
    word: Word, need: int, leaves: float, now: float, *, sure: bool, alone: bool
) -> tuple[float, bool]:
    """Return when a full log has room, and whether that is sure, as the provider's word has it.

    What is under way may tell of more; others ask again by the reset.
    """
    excused = word.excuses(now, need, alone=alone)
    if excused is None:
        hint = max(now + FULL_WAIT_S, word.resets_at)
        return (hint, False) if hint < leaves else (leaves, sure)
    return (excused, True) if excused < leaves or not sure else (leaves, sure)


def _never(known: Known, cost: Cost) -> Reason | None:
    """Return the limit that is too low for a cost, whatever is used of it."""
    if known.tpm is not None and cost.tokens > known.tpm:
        return Reason.TPM
    if known.rpm is not None and cost.requests > known.rpm:
        return Reason.RPM
    if known.rpd is not None and cost.requests > known.rpd:
        return Reason.RPD
    return None
