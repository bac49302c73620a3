"""Chance that repeats: every decision follows from the seed, the request and its try.

There is no shared generator, so that which requests are under way at once changes nothing.
"""

import hashlib
from dataclasses import dataclass

RANGE = 2**64


def unit(*parts: object) -> float:
    """Return a number in [0, 1) that depends on all the parts and nothing else."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / RANGE


@dataclass(frozen=True)
class Draw:
    """The chances of one request: the same body again is another try, with other chances."""

    seed: int
    body: str
    """Digest of the request's body."""
    tries: int
    """How often this body was let in before."""

    def unit(self, purpose: str) -> float:
        """Return a number in [0, 1) for one purpose."""
        return unit(self.seed, purpose, self.body, self.tries)

    def hits(self, purpose: str, share: float) -> bool:
        """Tell whether something happens that does so in this share of requests."""
        return share > 0 and self.unit(purpose) < share

    def below(self, purpose: str, count: int) -> int:
        """Return a whole number from 0 up to, not including, `count`."""
        return int(self.unit(purpose) * count)

    def spread(self, purpose: str) -> float:
        """Return a number in [-1, 1)."""
        return 2 * self.unit(purpose) - 1


def is_forbidden(image_bytes: bytes, share: float, seed: int) -> bool:
    """Tell whether an image is one of the share that is always refused; its bytes decide."""
    digest = hashlib.sha256(image_bytes).hexdigest()
    return share > 0 and unit(seed, "forbidden", digest) < share
