"""What people are told where a provider allows something else than is configured."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.rules.specs import Limits

NAMES = {"rpm": "requests a minute", "tpm": "tokens a minute", "rpd": "requests a day"}


class Told(NamedTuple):
    """The limits that the provider told of one credential; None: nothing yet."""

    credential: str
    rpm: int | None
    tpm: int | None
    rpd: int | None


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
