"""What may go: raw answers of runs that ended long ago, and media that no dataset names."""

from array import array
from bisect import bisect_left
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from core import runs
from core.db import table
from core.errors import RawDropped
from core.rules.states import ENDED
from core.tables import Attempt, Run, Sample
from core.vocabulary import Origin

BATCH = 100
"""Attempts of one transaction: their bodies are read once more, for their digests."""

WHY = (
    "raw answers are kept for some days after their run has ended, as GERBENCH_KEEP_RAW_DAYS says;"
    " what was made of them stays"
)


def next_run(session: Session, *, ended_before: datetime) -> UUID | None:
    """Return a run that ended before a moment and still has raw answers; the first to end first."""
    later = exists().where(Attempt.run_id == Run.id, Attempt.id > Run.raw_dropped_through)
    return session.scalar(
        select(Run.id)
        .where(
            Run.origin == Origin.SERVICE,
            Run.status.in_(ENDED),
            Run.finished_at < ended_before,
            later,
        )
        .order_by(Run.finished_at)
        .limit(1)
    )


def drop(session: Session, run_id: UUID, *, ended_before: datetime, now: datetime) -> int:
    """Drop the next raw answers of a run, with their headers; return how many attempts it saw.

    A digest takes the place of each body, so that a copy can still be told to be the one. Whoever
    retries or scores the run at this moment comes before or after; a run that was set going again
    since `next_run` keeps what it has.
    """
    runs.hold(session, [run_id])
    run = session.get_one(Run, run_id, populate_existing=True)
    if run.status not in ENDED or run.finished_at is None or run.finished_at >= ended_before:
        return 0
    found = session.execute(
        select(Attempt.id, Attempt.body)
        .where(Attempt.run_id == run_id, Attempt.id > run.raw_dropped_through)
        .order_by(Attempt.id)
        .limit(BATCH)
    ).all()
    if not found:
        return 0
    gone = [
        {"attempt": attempt, "digest": sha256(body).hexdigest(), "at": now}
        for attempt, body in found
        if body is not None
    ]
    if gone:
        attempts = table(Attempt)
        session.connection().execute(
            update(attempts)
            .where(attempts.c.id == bindparam("attempt"))
            .values(
                body=None,
                headers=None,
                body_sha256=bindparam("digest"),
                dropped_at=bindparam("at", type_=attempts.c.dropped_at.type),
            ),
            gone,
        )
    run.raw_dropped += len(gone)
    run.raw_dropped_through = found[-1].id
    session.flush()
    return len(found)


def require_raw(session: Session, run: Run) -> None:
    """Raise RawDropped if raw answers of a run are gone."""
    if not run.raw_dropped:
        return
    since = session.scalar(select(func.min(Attempt.dropped_at)).where(Attempt.run_id == run.id))
    raise RawDropped(
        f"run {run.id} cannot be read again: {run.raw_dropped:,} of its raw answers were dropped"
        f" on {since:%Y-%m-%d} ({WHY}). Its figures stand; to read them anew, restore a backup from"
        " before that day elsewhere",
        dropped_at=None if since is None else since.isoformat(),
    )


class NamedMedia:
    """Which media datasets name: 8 bytes each, however many there are.

    Two that begin alike are taken for one; so a medium may stay for nothing, and none goes.
    """

    def __init__(self, session: Session) -> None:
        found: array[int] = array("Q")
        lists = session.scalars(select(Sample.media).execution_options(yield_per=BATCH))
        for media in lists:
            found.extend(_beginning(ref["digest"]) for ref in media)
        self._sorted = array("Q", sorted(found))

    def __contains__(self, digest: str) -> bool:
        """Tell whether a dataset names a medium; a draft of one has no digest for a name."""
        try:
            wanted = _beginning(digest)
        except ValueError:
            return False
        place = bisect_left(self._sorted, wanted)
        return place < len(self._sorted) and self._sorted[place] == wanted


def _beginning(digest: str) -> int:
    """Return the first 64 bits of a SHA-256 in hex."""
    return int(digest[:16], 16)
