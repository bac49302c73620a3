"""What a job that sleeps for a limit says, and what people are offered where limits differ."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from core.rules.limits import DAY_S, MINUTE_S
from core.rules.specs import Limits

NAMES = {"rpm": "requests a minute", "tpm": "tokens a minute", "rpd": "requests a day"}


class Told(NamedTuple):
    """The limits that the provider told of one credential; None: nothing yet."""

    credential: str
    rpm: int | None
    tpm: int | None
    rpd: int | None


class Day(NamedTuple):
    """A limit a day, of all credentials together."""

    limit: int
    used: int
    resets_in_s: float
    """Until there is room again, once all is used."""


def advice(name: str, configured: Limits, told: Iterable[Told]) -> list[str]:
    """Return a sentence for each limit that the provider tells otherwise than it is configured.

    What is configured is never exceeded by itself: where more is allowed, a person may raise it.
    """
    given = list(told)
    return [
        sentence
        for limit in NAMES
        if (sentence := _differs(name, limit, configured, given)) is not None
    ]


def _differs(name: str, limit: str, configured: Limits, told: Sequence[Told]) -> str | None:
    allowed = {each.credential: getattr(each, limit) for each in told}
    known = {credential: value for credential, value in allowed.items() if value is not None}
    own, what = getattr(configured, limit), NAMES[limit]
    if not known or own is None:
        return None
    credential, least = min(known.items(), key=lambda pair: pair[1])
    if least < own:
        return (
            f"The provider allows {credential} {least:,} {what} and {own:,} are configured:"
            f" {least:,} are kept."
        )
    if least > own and len(known) == len(allowed):
        return (
            f"The provider allows {least:,} {what} and {own:,} are configured: {own:,} are kept."
            f" To use more: gerbench models change {name} --{limit} {least}"
        )
    return None


def days_s(requests: int, day: Day, rpm: int | None) -> float:
    """Return the seconds until so many requests are sent, as far as a limit a day decides.

    0 where today's room is enough. `rpm` is that of all credentials together, for the last day.
    """
    over = requests - max(0, day.limit - day.used)
    if over <= 0:
        return 0.0
    further = math.ceil(over / day.limit) - 1
    last = over - further * day.limit
    return day.resets_in_s + further * DAY_S + (last / rpm * MINUTE_S if rpm else 0.0)


def waits(until: datetime, what: str, ends_at: datetime | None) -> str:
    """Return what a job says that sleeps until there is room."""
    end = "" if ends_at is None else f"; it ends about {_moment(ends_at)}"
    return f"waiting until {_moment(until)}: {what}{end}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
