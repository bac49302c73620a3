"""What `gerbench doctor` finds: a verdict on each thing it looked at, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a thing that was looked at stands."""

    OK = "ok"
    WARNING = "warning"
    """The service works, or will; somebody should look at this."""
    FAILED = "failed"
    """The service cannot do its work like this."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    part: str
    """`settings`, `database`, `broker`, `media`, `clock`, `models` or `workers`."""
    what: str
    verdict: Verdict
    says: str
    remedy: str | None = None
    """What to do, in a sentence; given unless it is ok."""

    def __post_init__(self) -> None:
        """Refuse a complaint that does not say what to do."""
        if (self.remedy is None) != (self.verdict is Verdict.OK):
            raise ValueError(f"{self.what}: a remedy goes with what is not ok, and only with that")


@dataclass(frozen=True)
class Part:
    """Makes the findings of one part of the service."""

    name: str

    def ok(self, what: str, says: str) -> Finding:
        """Return that a thing is as it should be."""
        return Finding(self.name, what, Verdict.OK, says)

    def warning(self, what: str, says: str, remedy: str) -> Finding:
        """Return that somebody should look at a thing."""
        return Finding(self.name, what, Verdict.WARNING, says, remedy)

    def failed(self, what: str, says: str, remedy: str) -> Finding:
        """Return that nothing goes with a thing as it is."""
        return Finding(self.name, what, Verdict.FAILED, says, remedy)


ORDER = list(Verdict)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict; ok of nothing."""
    return max((f.verdict for f in findings), key=ORDER.index, default=Verdict.OK)
