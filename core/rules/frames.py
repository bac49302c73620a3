"""Which frames of a video stand for it."""


def frame_indices(total: int, count: int) -> list[int]:
    """Return `count` indices out of `total` frames, uniformly: the centres of equal segments.

    The video is cut into `count` segments of equal length and the frame in the middle of each is
    taken: 3 of 9 are 1, 4 and 7. A video with no more frames than asked for gives each one once.
    """
    if total < 0 or count < 1:
        raise ValueError(f"need total >= 0 and count >= 1, got {total} and {count}")
    if total <= count:
        return list(range(total))
    return [(2 * segment + 1) * total // (2 * count) for segment in range(count)]
