"""What an exchange with a provider came to, in gerbench's own words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.vocabulary import Result


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total(self) -> int:
        """Return all tokens, as limits on tokens count them."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Exchange:
    """One HTTP exchange, verbatim. `status` is None when no whole reply came."""

    status: int | None
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    latency_s: float
    failure: Result | None = None
    """TIMEOUT, RESET or MALFORMED when no whole reply came."""
    error: str | None = None
    """The client's own words for that failure."""
    connected: bool = True
    """False when no connection came about: then the provider got nothing, and bills nothing."""


@dataclass(frozen=True)
class Reading:
    """What an exchange means. `text` is set when the model said something."""

    result: Result
    text: str | None = None
    usage: Usage | None = None
    reason: str | None = None
    """The provider's own words, or the transport's, for anything but an answer."""
    retry_after_s: float | None = None
    """The wait that the provider named."""


@dataclass(frozen=True)
class Answer:
    """What a model said of one sample."""

    ranked: tuple[str, ...]
    """Labels, best first: spelled as in the dataset where known, else as the model wrote them."""
    unknown: frozenset[str] = field(default_factory=frozenset)
    """Those of `ranked` that the dataset does not know."""

    @property
    def label(self) -> str:
        """Return the first of the ranked labels."""
        return self.ranked[0]

    @property
    def in_vocabulary(self) -> bool:
        """Tell whether the first label is one of the dataset's."""
        return self.label not in self.unknown


@dataclass(frozen=True)
class Parsed:
    """An answer's text, read. Slots count from 0 in the order of the request."""

    answers: Mapping[int, Answer]
    surplus: tuple[str, ...] = ()
    """Names the answer spoke of that were not asked about."""
    problem: str | None = None
    """Why nothing could be read, when `answers` is empty."""
