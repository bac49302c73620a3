"""Stored replies, read again by the parser as it is now."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from core.providers import openai_batch
from core.providers.adapters import Adapter, adapter_for
from core.rules.classes import Classes
from core.rules.readings import Answer, Exchange, Reading
from core.rules.replies import Understood, understand
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.templates import names
from core.settling import reading_columns
from core.tables import Attempt, Dataset, Model, Prediction, Request, Run, Sample
from core.vocabulary import Modality, Outcome, Result

CHUNK = 50
"""Requests whose replies are in memory at once."""
IDS = 5000
"""Ids in one query; databases bound the parameters of a statement."""

READ = ("outcome", "label", "in_vocabulary", "ranked", "rank", "attempt_id")
"""The columns of a prediction that follow from a reply."""


@dataclass(frozen=True)
class Reader:
    """What is needed to read any reply of a run."""

    adapter: Adapter
    modality: Modality
    labels: tuple[str, ...]
    classes: Classes


def reader_of(session: Session, run: Run) -> Reader:
    """Return the reader of a run's replies."""
    model = ModelSpec.model_validate(session.get_one(Model, run.model_id).spec)
    dataset = DatasetSpec.model_validate(session.get_one(Dataset, run.dataset_id).spec)
    modality = Condition.model_validate(run.condition).modality
    return Reader(adapter_for(model.wire), modality, dataset.labels, Classes.of(dataset))


@dataclass(frozen=True)
class Revision:
    """A prediction that is read in another way now; both ways as columns."""

    sample_id: int
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Reread:
    """What came of reading the replies of one request again."""

    request_id: int
    replies: int
    revisions: Sequence[Revision]
    lost_nano: int
    """What is lost on attempts that bought no prediction now, less what was before."""


@dataclass(frozen=True)
class Reply:
    """A stored reply to a request of `size` samples."""

    attempt: Row[Any]
    reader: Reader
    size: int

    @cached_property
    def reading(self) -> Reading:
        """Return what it means, read when first asked for."""
        stored, adapter = self.attempt, self.reader.adapter
        if stored.batch_id is not None:
            line, at = stored.body or b"", stored.sent_at
            return openai_batch.result(line, adapter, sent_at=at, now=at).reading
        failure = stored.result if stored.status is None else None
        exchange = Exchange(
            stored.status, stored.headers or {}, stored.body or b"", stored.latency_s or 0, failure
        )
        return adapter.read(exchange, now=stored.sent_at)

    @cached_property
    def understood(self) -> Understood:
        """Return what it says."""
        asked = names(self.reader.modality, self.size)
        return understand(self.reading, names=asked, labels=self.reader.labels)


def reread(
    session: Session, run_id: UUID, reader: Reader, request_ids: Sequence[int]
) -> Iterator[Reread]:
    """Yield what the replies to some requests of a run come to now, a few in memory at a time."""
    for start in range(0, len(request_ids), CHUNK):
        chunk = request_ids[start : start + CHUNK]
        rows = session.execute(select(Request.id, Request.sample_ids).where(Request.id.in_(chunk)))
        asked: dict[int, list[int]] = {row.id: row.sample_ids for row in rows}
        predicted = _predictions(session, run_id, asked)
        attempts = _attempts(session, predicted)
        for request in sorted(predicted):
            slots = {sample: slot for slot, sample in enumerate(asked[request])}
            replies = {a.id: Reply(a, reader, len(slots)) for a in attempts[request]}
            yield _judge(request, predicted[request], slots, replies, reader.classes)


def _predictions(
    session: Session, run_id: UUID, asked: Mapping[int, Sequence[int]]
) -> dict[int, list[Row[Any]]]:
    """Return the predictions that came of each request, with their samples."""
    ids = sorted({sample for samples in asked.values() for sample in samples})
    columns = [getattr(Prediction, name) for name in READ]
    found: dict[int, list[Row[Any]]] = {}
    for start in range(0, len(ids), IDS):
        rows = session.execute(
            select(
                Prediction.sample_id,
                Prediction.request_id,
                *columns,
                Sample.name,
                Sample.target,
                Sample.target_number,
            )
            .join(Sample, Sample.id == Prediction.sample_id)
            .where(Prediction.run_id == run_id, Prediction.sample_id.in_(ids[start : start + IDS]))
            .order_by(Prediction.sample_id)
        )
        for row in rows:
            if row.request_id in asked:
                found.setdefault(row.request_id, []).append(row)
    return found


def _attempts(
    session: Session, predicted: Mapping[int, Sequence[Row[Any]]]
) -> Mapping[int, list[Row[Any]]]:
    """Return the attempts of each request that predictions are from, or that were answered."""
    sources = {row.attempt_id for rows in predicted.values() for row in rows} - {None}
    columns = (Attempt.status, Attempt.headers, Attempt.body, Attempt.latency_s, Attempt.cost_nano)
    rows = session.execute(
        select(
            Attempt.id,
            Attempt.request_id,
            Attempt.batch_id,
            Attempt.result,
            Attempt.sent_at,
            *columns,
        )
        .where(
            Attempt.request_id.in_(list(predicted)),
            or_(Attempt.result == Result.ANSWERED, Attempt.id.in_(sources)),
        )
        .order_by(Attempt.id)
    )
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.request_id].append(row)
    return found


def _judge(
    request: int,
    predictions: Sequence[Row[Any]],
    slots: Mapping[int, int],
    replies: Mapping[int, Reply],
    classes: Classes,
) -> Reread:
    """Compare the predictions of a request with what its replies say now."""
    revisions, bought, buying = [], set(), set()
    for row in predictions:
        before = {name: getattr(row, name) for name in READ}
        right = classes.right(row.target, row.target_number)
        after = _columns(row, slots[row.sample_id], replies, right)
        if row.outcome is Outcome.ANSWERED:
            bought.add(row.attempt_id)
        if after["outcome"] is Outcome.ANSWERED:
            buying.add(after["attempt_id"])
        if after != before:
            revisions.append(Revision(row.sample_id, row.name, before, after))
    prices = {key: reply.attempt.cost_nano or 0 for key, reply in replies.items()}
    lost = sum(prices.get(key, 0) for key in bought - buying)
    saved = sum(prices.get(key, 0) for key in buying - bought)
    read = sum("reading" in vars(reply) for reply in replies.values())
    return Reread(request, read, revisions, lost - saved)


def _columns(
    row: Row[Any], slot: int, replies: Mapping[int, Reply], right: frozenset[str]
) -> dict[str, Any]:
    """Return what a prediction says now.

    First by the attempt that it is from; where that says nothing, by the first of the request's
    other answers that does, as a worker would have stopped at it.
    """
    own = replies.get(row.attempt_id)
    others = [reply for key, reply in replies.items() if key != row.attempt_id]
    for reply in [own, *others] if own else others:
        parsed = reply.understood.parsed
        if parsed and (answer := parsed.answers.get(slot)):
            return _as_columns(Outcome.ANSWERED, answer, right, reply.attempt.id)
    if row.outcome is Outcome.ANSWERED and own is None:
        return {name: getattr(row, name) for name in READ}
    outcome = _unanswered(row.outcome, own) if own else row.outcome
    return _as_columns(outcome, None, right, row.attempt_id)


def _unanswered(was: Outcome, own: Reply) -> Outcome:
    """Return how a sample ends that no reply gives an answer for."""
    refused = own.understood.refusal or own.reading.result is Result.REFUSED
    if refused and own.size == 1:
        return Outcome.REFUSED
    said = own.reading.result is Result.ANSWERED or was is Outcome.ANSWERED
    return Outcome.UNPARSED if said else was


def _as_columns(
    outcome: Outcome, answer: Answer | None, right: frozenset[str], attempt_id: int | None
) -> dict[str, Any]:
    return {
        "outcome": outcome,
        **reading_columns(answer, right),
        "attempt_id": attempt_id,
    }
