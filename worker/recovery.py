"""What dead processes left in the spool, stored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import again, models, runs
from core.attempts import Heard
from core.db import Database
from core.prompts import RunContext, SampleInput
from core.providers.adapters import adapter_for
from core.rules.money import cost_nano
from core.rules.specs import ModelSpec
from core.settling import Settlement
from core.spending import Books
from core.tables import Attempt
from worker.aftermath import follow_up
from worker.contexts import inputs_of, of_run
from worker.judging import settlement
from worker.spool import Reply, left_behind

log = structlog.get_logger()

GROUP = 100
"""Replies stored in one transaction."""


def recover(database: Database, folder: Path) -> int:
    """Store the replies that dead processes left in a folder; return how many there were.

    To be called before leases are rescued: the requests are still leased to the dead, so that
    their replies count. Any number of processes may call it at once, again and again.
    """
    count = 0
    for left in left_behind(folder):
        replies, whole = left.replies()
        for start in range(0, len(replies), GROUP):
            whole &= _store(database, replies[start : start + GROUP])
        left.done(whole=whole)
        count += len(replies)
        if replies:
            log.warning("replies of a process that is gone were stored", replies=len(replies))
    return count


def _store(database: Database, replies: Sequence[Reply]) -> bool:
    """Settle some replies; tell whether all of them are of this database."""
    with database.read() as session:
        known = _known(session, replies)
        settlements = _judged(session, known)
    with database.write.begin() as session:
        runs.hold(session, {s.request.run_id for s in settlements})
        with Books(session) as books:
            tripped = again.settle_all(session, settlements, books)
    follow_up(database, settlements, tripped)
    return len(known) == len(replies)


def _known(session: Session, replies: Sequence[Reply]) -> list[Reply]:
    """Return the replies to attempts of this database."""
    rows = session.execute(
        select(Attempt.id, Attempt.request_id, Attempt.run_id).where(
            Attempt.id.in_([reply.attempt_id for reply in replies])
        )
    )
    found = {row.id: (row.request_id, row.run_id) for row in rows}
    known = []
    for reply in replies:
        if found.get(reply.attempt_id) == (reply.request.id, reply.request.run_id):
            known.append(reply)
        else:
            log.warning("a reply in the spool is of another database", attempt=reply.attempt_id)
    return known


def _judged(session: Session, replies: Sequence[Reply]) -> list[Settlement]:
    """Return what follows from some replies, as it would have when they came."""
    by_run: defaultdict[UUID, list[Reply]] = defaultdict(list)
    for reply in replies:
        by_run[reply.request.run_id].append(reply)
    settlements = []
    for run_id, of_it in by_run.items():
        context = of_run(session, run_id)
        model = models.declared(session, _model_of(session, run_id))
        inputs = inputs_of(session, [reply.request for reply in of_it])
        settlements += [_settlement(reply, context, model, inputs) for reply in of_it]
    return settlements


def _model_of(session: Session, run_id: UUID) -> UUID:
    """Return the model of a run that has attempts."""
    model_id = runs.get(session, run_id).model_id
    if model_id is None:
        raise LookupError(f"run {run_id} has no model")
    return model_id


def _settlement(
    reply: Reply, context: RunContext, model: ModelSpec, inputs: Mapping[int, SampleInput]
) -> Settlement:
    """Read a reply as a worker does, and judge it."""
    reading = adapter_for(model.wire).read(reply.exchange, now=reply.at)
    cost = cost_nano(model.prices, reading.usage)
    heard = Heard(reply.attempt_id, reply.exchange, reading, cost, reply.at)
    samples = [inputs[sample] for sample in reply.request.sample_ids]
    return settlement(
        reply.request, context, samples, reading, heard, owner=reply.owner, now=reply.at
    )
