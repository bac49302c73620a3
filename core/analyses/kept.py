"""Answers of analyses that are stored until what they are made of changes.

A key names everything that an answer is made of: the analysis and its arguments, this release,
and of every run when it was scored and its totals. A run that is retried or scored anew makes
another key, so nothing stale can be found, by any process; what is not found is computed. A key
is looked up without a lock; only a new answer is a short write.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.analyses.selection import Selection, bounded, matching, model_name
from core.closing import is_newest
from core.rules.states import ENDED
from core.tables import KeptAnswer, Model, Run, Score

MAX_ANSWERS = 1000
MAX_BYTES = 64 * 2**20
"""Of all answers together; the oldest go first. A quarter of it is the most that one may have."""

INSERT: Mapping[str, Callable[..., Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""SQLAlchemy's own insert has no ON CONFLICT."""


def _sources(folder: Traversable) -> Iterator[Traversable]:
    """Yield the code and the data under a folder, in order."""
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _sources(each)
        elif each.name.endswith((".py", ".json")):
            yield each


def _release() -> str:
    """Return the digest of all code and data that turn rows into answers, and of the generator."""
    digest = sha256(np.__version__.encode())
    for each in _sources(files("core")):
        digest.update(sha256(f"{each.name}\0".encode() + each.read_bytes()).digest())
    return digest.hexdigest()


RELEASE = _release()
"""Read when the code is, so that files that are replaced under a running process are not it."""


def key_of(
    session: Session,
    selection: Selection,
    analysis: str,
    arguments: Mapping[str, str],
    *,
    release: str = RELEASE,
) -> str | None:
    """Return the key of an answer; None where it would not last: a run is not over.

    Raises what the selection's runs give reason to, as the analysis itself would.
    """
    query = matching(select(*_MADE_OF), selection)
    newest = and_(Score.run_id == Run.id, is_newest())
    rows = session.execute(query.outerjoin(Score, newest).order_by(Run.id)).all()
    bounded(selection, [row.id for row in rows])
    if any(row.status not in ENDED or row.version is None for row in rows):
        return None
    whole = (release, analysis, arguments, asdict(selection), [tuple(row) for row in rows])
    return sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


_MADE_OF = (
    Run.id,
    Run.status,
    model_name,
    Model.spec["prices"].as_string().is_not(None),
    Score.version,
    Score.scored_at,
    Run.requests,
    Run.attempts,
    Run.unknown_attempts,
    Run.cost_nano,
    Run.lost_nano,
)
"""All that can change about a run that is over and its dataset, which cannot."""


def find(session: Session, key: str) -> bytes | None:
    """Return the answer that is kept under a key."""
    return session.scalar(select(KeptAnswer.body).where(KeptAnswer.key == key))


def keep(
    session: Session,
    key: str,
    analysis: str,
    body: bytes,
    *,
    now: datetime,
    max_answers: int = MAX_ANSWERS,
    max_bytes: int = MAX_BYTES,
) -> bool:
    """Store an answer, and let the oldest go that there is no room for; tell if it is stored.

    Of two processes that made the same answer at once the first stores it.
    """
    if len(body) > max_bytes // 4:
        return False
    insert = INSERT[session.get_bind().dialect.name](KeptAnswer)
    row = insert.values(key=key, analysis=analysis, made_at=now, size=len(body), body=body)
    session.execute(row.on_conflict_do_nothing())
    newest_first = (KeptAnswer.made_at.desc(), KeptAnswer.key)
    place = func.row_number().over(order_by=newest_first)
    size = func.sum(KeptAnswer.size).over(order_by=newest_first)
    ranked = select(KeptAnswer.key, place.label("place"), size.label("size")).subquery()
    gone = select(ranked.c.key).where(or_(ranked.c.place > max_answers, ranked.c.size > max_bytes))
    # Two processes may let the same answers go; neither waits for the other.
    free = select(KeptAnswer.key).where(KeptAnswer.key.in_(gone)).with_for_update(skip_locked=True)
    session.execute(delete(KeptAnswer).where(KeptAnswer.key.in_(free)))
    return True
