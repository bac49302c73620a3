"""The order in which a run asks about its samples, and the portions it is planned in."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FIRST_REQUESTS, MOST_REQUESTS = 256, 4096
"""Requests planned in the first transaction, so that calls leave at once, and in the largest."""
MOST_SAMPLES = 20_000
"""Samples planned in one transaction."""

GOLDEN = 0x9E3779B97F4A7C15
"""Increment of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195)."""


def shuffled(count: int, seed: int) -> NDArray[np.int64]:
    """Return the numbers 0 … count - 1 in the order that `seed` names; shape (count,).

    Positions are sorted by SplitMix64 of position and seed: the same on every machine, database
    and library version, and 16 bytes a sample while it is made.
    """
    start = np.uint64((seed + 1) * GOLDEN % 2**64)
    with np.errstate(over="ignore"):
        z = _mix(np.arange(count, dtype=np.uint64) * np.uint64(GOLDEN) + _mix(start))
    return np.argsort(z, kind="stable")


def _mix(z: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64."""
    z = np.asarray(z, dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def portions(planned: int, samples: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """Yield where each transaction of planning begins and ends, in samples; each twice the last.

    They hold whole requests but for the last, and few enough that other writers soon get a turn.
    """
    requests, most = FIRST_REQUESTS, max(1, min(MOST_REQUESTS, MOST_SAMPLES // batch_size))
    while planned < samples:
        end = min(planned + min(requests, most) * batch_size, samples)
        yield planned, end
        planned, requests = end, 2 * requests


def halves(slots: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a request's slots as two that differ in size by at most one."""
    middle = len(slots) // 2
    return slots[:middle], slots[middle:]
