"""What the first call of a job to a model proves."""

from enum import Enum

from core.vocabulary import Result

SPOKE = frozenset({Result.ANSWERED, Result.REFUSED, Result.LENGTH})
"""Address, credential, model id and the size of a request are good, whatever was said."""
TELLING = SPOKE | {Result.REJECTED}
"""Results after which no other canary is wanted."""


class Canary(Enum):
    """What came of a canary: the one call that goes ahead of all others."""

    PASSED = "passed"
    FAILED = "failed"
    """The others would fare no better: a person has to look."""
    OPEN = "open"
    """It proved nothing: the provider was busy or down, or nobody heard it. Another is tried."""


def of_call(result: Result, *, full: bool) -> Canary:
    """Return what a canary came to; `full` tells that its request is no part of a larger one.

    A part that is too large is split on until one fits. What is wrong with a credential is
    found out, and said, with all credentials of the model in view.
    """
    if result in SPOKE:
        return Canary.PASSED
    if result is Result.REJECTED or (result is Result.TOO_LARGE and full):
        return Canary.FAILED
    return Canary.OPEN


def reason_of(result: Result, size: int, words: str | None) -> str:
    """Return why a run is paused whose canary failed, in the provider's words."""
    said = words or result.value
    if result is Result.TOO_LARGE:
        return (
            f"the first call, of {size} samples, is too large for the provider: {said}; resume to"
            " let such requests be split, or cancel and submit with a smaller batch size"
        )
    return f"the first call was rejected: {said}; resume tries another once that is put right"
