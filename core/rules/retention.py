"""What of a cache may stay: by age, and by size."""

from collections.abc import Mapping

HOUR_S = 3600
"""Ages are told apart by the hour: so the count of a million files is a handful of numbers."""


def hour_of(at: float) -> int:
    """Return the hour that a moment, in seconds since the epoch, is in."""
    return int(at // HOUR_S)


def oldest_kept(
    sizes: Mapping[int, int], *, now: float, days: float | None, most_bytes: float | None
) -> int:
    """Return the first hour whose files stay; those of earlier hours go.

    `sizes` are the bytes of the files of each hour. The newest stay, as many hours of them as
    there is room for, and of these none that is older than `days`.
    """
    first = min(sizes, default=0)
    if days is not None:
        first = max(first, hour_of(now - days * 86400))
    if most_bytes is None:
        return first
    kept = 0
    for hour in sorted(sizes, reverse=True):
        kept += sizes[hour]
        if kept > most_bytes:
            return max(first, hour + 1)
    return first
