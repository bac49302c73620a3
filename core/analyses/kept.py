"""Answers of analyses that are kept in memory until what they are made of changes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analyses.selection import Selection, chosen
from core.closing import is_newest
from core.rules.states import ENDED
from core.tables import Score

Answer = TypeVar("Answer")

KEPT = 64
"""Answers; most have some kilobytes, those over hundreds of runs a few megabytes."""


class Kept:
    """The answers over ended runs that were asked for last.

    What an answer is kept under names everything it is made of: the runs, when each was scored,
    and their totals. A run that is retried or scored anew is another key, so nothing that is
    stale can be found, in however many processes; what is not found is computed.
    """

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def answer(
        self,
        session: Session,
        selection: Selection,
        analysis: Callable[[Session, Selection], Answer],
        *name: Hashable,
    ) -> Answer:
        """Return an analysis of a selection; `name` tells it from all others."""
        made_of = _made_of(session, selection)
        if made_of is None:
            return analysis(session, selection)
        key = (name, made_of)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return cast("Answer", self._answers[key])
        found = analysis(session, selection)
        with self._lock:
            self._answers[key] = found
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return found


def _made_of(session: Session, selection: Selection) -> Hashable | None:
    """Return all that can change about what is selected; None while a run is under way."""
    details = chosen(session, selection)
    runs = [detail.run for detail in details]
    query = select(Score.run_id, Score.version, Score.scored_at).where(
        Score.run_id.in_([r.id for r in runs]), is_newest()
    )
    scored = {row.run_id: (row.version, row.scored_at) for row in session.execute(query)}
    if any(run.status not in ENDED or run.id not in scored for run in runs):
        return None
    return tuple(
        (d.run.id, d.model, scored[d.run.id], d.run.attempts, d.run.cost_nano, d.run.lost_nano)
        for d in details
    )
