"""How many calls under way a server takes best, found by watching how long they take.

Little's law: with as many calls under way as are allowed, what gets done in a second is their
number over their latency. So two rounds at two levels tell whether more calls get more done or only
stand in line, without knowing how fast the server is at all. `lua/crowd.lua` of the limiter says
the same once more, for Redis: a change here is a change there.
"""

START = 8
"""Calls under way at first."""

MOST = 256
"""The most that are tried; what is known to take more can be configured."""

RAISE, LOWER = 0.4, 0.1
"""The level rises when at least this share of the calls between two levels got more done, and falls
when at most that one did. A server with k places and a queue is kept between 1.18 k and 1.29 k."""

HEADROOM = 1.15
"""Where the search stops, over what Little's law says that the server works on at a time."""

CUT = 0.75
"""What a server that had too much leaves of the level."""

STRAIN = 0.1
"""The share of failed calls of a round that says it had too much; single ones have other causes."""

LEAST_CALLS = 16
"""Calls that a round takes at least: fewer would tell more of chance than of the server."""

PATIENCE = 8
"""Times that the level stops just below where it was cut, before it goes there again."""

INSTANT_S = 1e-6
"""No call is taken to be shorter."""

BRIEF, SHORT, LONG = 2, 4, 16
"""Rounds at the level for one below it: after a rise, after a step back, and when nothing has
changed for long."""


class Crowd:
    """The calls that may be under way at one server, for one credential.

    It doubles while that gets more done. Then it compares itself now and then with three quarters
    of itself, for a round, and moves a step. Only rounds count in which all places were taken.
    """

    __slots__ = (
        "_below",
        "_cut_at",
        "_doubted",
        "_failed",
        "_full",
        "_mark",
        "_rises",
        "_seconds",
        "_settled",
        "_tries",
        "base",
        "base_level",
        "below_cut",
        "climbing",
        "level",
        "rounds",
    )

    def __init__(self, granted: int = 0) -> None:
        self.level = START
        self.climbing = True
        self.base: float | None = None
        """Mean latency at the lower level."""
        self.base_level = START
        self.rounds = SHORT
        self.below_cut: int | None = None
        """The most that was not too much, as far as a cut told."""
        self._tries = 0
        self._rises = 0
        """Steps up in a row: each is twice the one before."""
        self._below = False
        self._doubted: float | None = None
        """Mean latency of a round that may have been too much."""
        self._cut_at = -1
        self._begin(granted)

    @property
    def room(self) -> int:
        """Return how many calls may be under way now."""
        return self.base_level if self._below else self.level

    def grant(self, flying: int) -> None:
        """Note how many are under way once one more is."""
        if flying >= self.room:
            self._full = True

    def settle(self, number: int, granted: int, seconds: float, *, failed: bool) -> None:
        """Note the end of the call that was granted as the `number`th, of so many by now."""
        if number <= self._mark:
            return
        if failed:
            self._failed += 1
            if self._failed > max(1.0, STRAIN * max(self._settled, self.room)):
                self.cut(number, granted)
            return
        self._settled += 1
        self._seconds += seconds
        if self._settled >= self._needed():
            self._end_round(granted)

    def cut(self, number: int, granted: int) -> None:
        """Step back from a level that was too much, once for all the calls that it had let out."""
        if number <= self._cut_at:
            return
        self.below_cut, self._tries, self._rises = max(1, self.level - 1), 0, 0
        self.level = max(1, int(CUT * self.level))
        self.climbing, self._below, self.rounds = False, False, SHORT
        self.base_level = self.level
        self._cut_at = granted
        self._begin(granted)

    def _needed(self) -> int:
        """Return the calls that a round takes."""
        if self.climbing:
            return max(LEAST_CALLS, self.level)
        calls = max(LEAST_CALLS, 2 * self.room)
        return calls if self._below else calls * self.rounds

    def _begin(self, granted: int) -> None:
        self._mark, self._settled, self._failed = granted, 0, 0
        self._seconds, self._full = 0.0, False

    def _end_round(self, granted: int) -> None:
        mean, full = max(INSTANT_S, self._seconds / self._settled), self._full
        self._begin(granted)
        if self._below:
            self.base, self._below = (mean if full else None), False
        elif full and self.climbing:
            self._climb(mean)
        elif full:
            self._step(mean)

    def _climb(self, mean: float) -> None:
        """Double, or settle at what the server works on at a time, if a second round agrees."""
        if self.base is not None and self._gained(mean) < RAISE:
            if self._doubted is None:
                self._doubted = mean
                return
            mean = (mean + self._doubted) / 2
        self._doubted = None
        if self.base is not None and self._gained(mean) < RAISE:
            works_on = self.level * self.base / mean
            self.level = max(2, min(self.level, int(HEADROOM * works_on) + 1))
            self._look_below()
            return
        self.base, self.base_level = mean, self.level
        if self.level >= MOST:
            self._look_below()
        self.level = min(MOST, 2 * self.level)

    def _step(self, mean: float) -> None:
        """Move a step, as the comparison with the lower level says; then compare again."""
        gained = RAISE if self.base is None else self._gained(mean)
        if gained >= RAISE:
            self._rise()
        elif gained <= LOWER and self.level > 2:  # noqa: PLR2004 - one has nothing below it
            self.level -= max(1, self.level // 8)
            self.rounds, self._rises = SHORT, 0
        else:
            self.rounds, self._rises = min(LONG, 2 * self.rounds), 0
        self._look_below()

    def _rise(self) -> None:
        step = min(self.level, max(1, self.level // 8) << self._rises)
        self._rises = min(3, self._rises + 1)
        level = min(MOST, self.level + step)
        if self.below_cut is not None and level > self.below_cut:
            self._tries += 1
            if self._tries <= PATIENCE:
                self.level, self.rounds = max(self.level, self.below_cut), LONG
                return
            self.below_cut = None
        self.rounds = BRIEF if level > self.level else LONG
        self.level = level

    def _look_below(self) -> None:
        """Spend the next round at three quarters of the level."""
        self.climbing = False
        if self.level > 1:
            self.base_level, self._below = self.level * 3 // 4, True
        else:
            self.base = None

    def _gained(self, mean: float) -> float:
        """Return the share of the calls between the levels that got more done."""
        if self.base is None or self.level <= self.base_level:
            return 1.0
        growth = self.level / self.base_level
        return (growth * self.base / mean - 1.0) / (growth - 1.0)
