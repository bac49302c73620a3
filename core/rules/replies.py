"""What the text of a reply comes to: read as an answer, seen as a refusal, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.rules.parsing import is_refusal_prose, parse
from core.rules.readings import Parsed, Reading
from core.vocabulary import Result


@dataclass(frozen=True)
class Understood:
    """A reply, read as far as its text goes."""

    parsed: Parsed | None
    """None of a reply that is no answer."""
    refusal: bool = False
    """Whether a text from which nothing was read is a refusal in prose."""
    reason: str | None = None
    """What is wrong with it, in the provider's words or ours; None of an answer."""


def understand(reading: Reading, *, names: Sequence[str], labels: Sequence[str]) -> Understood:
    """Return what a reply says of the samples called `names`, in the words of `labels`.

    The one way from a reply to labels: for a reply that just came, and for one read again.
    """
    if reading.result is not Result.ANSWERED or reading.text is None:
        return Understood(None, reason=reading.reason)
    parsed = parse(reading.text, names=names, labels=labels)
    if parsed.answers:
        return Understood(parsed)
    if is_refusal_prose(reading.text):
        return Understood(parsed, refusal=True, reason=reading.text)
    return Understood(parsed, reason=parsed.problem)
