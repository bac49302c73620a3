"""What came back of a batch: each line settled as an online call is, each once."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import structlog

from core import batch_lines, batches, rescue, runs, settling
from core.attempts import Heard
from core.batch_lines import Line
from core.db import utc_now
from core.prompts import SampleInput
from core.providers import openai_batch
from core.providers.batch_api import BatchFault
from core.providers.openai_batch import LineFault, RemoteBatch
from core.rules.batches import (
    GONE_TRIES,
    STATE_OF,
    TOO_MUCH,
    UNANSWERED,
    Ending,
    rest_after,
)
from core.rules.money import cost_nano
from core.rules.readings import Exchange, Reading
from core.rules.replies import understand
from core.rules.states import RequestState
from core.rules.strategy import Verdict, decide, lost
from core.settling import Settlement
from core.spending import Books
from core.vocabulary import Result
from worker.contexts import inputs_of, of_run
from worker.held import ERRORS, OUTPUT, Held

log = structlog.get_logger()

GROUP = 200
"""Lines settled in one commit."""
TOO_MUCH_WAIT_S = 60.0
"""Before requests that were too much to enqueue are tried in a smaller file."""
UNREAD = "the batch is over and no line of its results is about this one"


@dataclass(frozen=True)
class Came:
    """What came back for a line; without a reply, an exchange that says so."""

    line: Line
    reading: Reading
    exchange: Exchange


def harvest(held: Held) -> None:
    """Settle every line of a batch that is over, and end it.

    May be done any number of times: a line that is settled is none any more.
    """
    try:
        remote, clean = _fetch(held)
    except BatchFault as fault:
        _rest(held, fault)
        return
    faults = remote.faults if remote is not None else ()
    _settle_faults(held, [fault for fault in faults if fault.line is not None])
    _settle_rest(held, clean=clean)
    _end(held, faults)


def _fetch(held: Held) -> tuple[RemoteBatch | None, bool]:
    """Settle what is in the result files; tell whether every line in them could be read."""
    provider_id, ending = held.batch.provider_id, held.batch.ending
    if provider_id is None or ending in {Ending.GONE, Ending.REJECTED}:
        return None, True
    remote = held.call(lambda api: api.get(provider_id))
    clean = True
    for kind, file_id in ((OUTPUT, remote.output_file_id), (ERRORS, remote.error_file_id)):
        if file_id is not None:
            clean &= _settle_file(held, kind, file_id)
    return remote, clean


def _settle_file(held: Held, kind: str, file_id: str) -> bool:
    """Settle the lines of one result file; tell whether each could be read."""
    path, clean = held.file(kind), True
    held.call(lambda api: api.download(file_id, path))
    for group in _groups(path):
        clean &= _settle_group(held, group)
    return clean


def _groups(path: Path) -> Iterator[list[bytes]]:
    """Yield the lines of a file, some at a time."""
    with path.open("rb") as file:
        while group := [line.rstrip(b"\r\n") for line in islice(file, GROUP)]:
            yield [line for line in group if line]


def _settle_group(held: Held, group: Sequence[bytes]) -> bool:
    """Settle some lines of a result file; tell whether each could be read."""
    now = utc_now()
    named = {number: content for content in group if (number := _number(content)) is not None}
    with held.engine.database.read() as session:
        open_lines = batch_lines.lines_of(session, held.batch.id, limit=GROUP, among=sorted(named))
    came = []
    for line in open_lines:
        content = named[line.attempt_id]
        result = openai_batch.result(content, held.adapter, sent_at=line.sent_at, now=now)
        came.append(Came(line, result.reading, result.exchange))
    _settle(held, came, now)
    if len(named) < len(group):
        log.warning("lines of a batch's results cannot be read", batch=str(held.batch.id))
    return len(named) == len(group)


def _number(content: bytes) -> int | None:
    """Return the attempt that a line of a result file is about."""
    custom_id = openai_batch.custom_id(content)
    return int(custom_id) if custom_id is not None and custom_id.isdecimal() else None


def _settle_faults(held: Held, faults: Sequence[LineFault]) -> None:
    """Settle lines that the provider's validation turned away, each by itself."""
    with held.engine.database.read() as session:
        told = {
            attempt: fault
            for fault in faults
            if (attempt := batch_lines.attempt_of_line(session, held.batch.id, fault.line or 1))
        }
        found = batch_lines.lines_of(
            session, held.batch.id, limit=len(told) or 1, among=sorted(told)
        )
    now = utc_now()
    _settle(held, [_turned_away(told[line.attempt_id], line, now) for line in found], now)


def _turned_away(fault: LineFault, line: Line, now: datetime) -> Came:
    """Return what validation said of a line as what came back for it."""
    reading = Reading(Result.REJECTED, reason=f"{fault.code}: {fault.message}")
    return Came(line, reading, _nothing(line, now))


def _settle_rest(held: Held, *, clean: bool) -> None:
    """Settle lines that no result is about: withdrawn, or unknown where that cannot be told."""
    result = UNANSWERED[held.batch.ending or Ending.GONE]
    if not clean:
        result = Result.UNKNOWN
    while True:
        with held.engine.database.read() as session:
            lines = batch_lines.lines_of(session, held.batch.id, limit=GROUP)
        if not lines:
            return
        now = utc_now()
        if result is Result.UNKNOWN:
            _settle_unknown(held, lines, now)
        else:
            reading = Reading(result, reason=held.batch.reason or UNREAD)
            _settle(held, [Came(line, reading, _nothing(line, now)) for line in lines], now)


def _settle_unknown(held: Held, lines: Sequence[Line], now: datetime) -> None:
    """Give up lines whose end nobody heard: possibly billed, counted, and asked again."""
    reason = held.batch.reason or UNREAD
    settlements = [
        Settlement(
            line.request,
            held.owner,
            _by_batch(lost(line.request.asked, jitter=random.random())),
            now,
            reason,
        )
        for line in lines
    ]
    with held.engine.database.write.begin() as session:
        held.keep(session)
        runs.hold(session, {line.request.run_id for line in lines})
        with Books(session) as books:
            ids = [line.request.id for line in lines]
            rescue.give_up(session, ids, books, reason=reason, now=now)
            settling.settle_all(session, settlements, books)


def _settle(held: Held, came: Sequence[Came], now: datetime) -> None:
    """Settle lines as a worker settles calls, in one commit; stop runs whose breaker trips."""
    if not came:
        return
    engine, requests = held.engine, [each.line.request for each in came]
    with engine.database.read() as session:
        samples = inputs_of(session, requests)
        for run_id in {request.run_id for request in requests} - engine.contexts.keys():
            engine.contexts[run_id] = of_run(session, run_id)
    settlements = [_settlement(held, each, samples, now) for each in came]
    with engine.database.write.begin() as session:
        held.keep(session)
        runs.hold(session, {request.run_id for request in requests})
        with Books(session) as books:
            tripped = settling.settle_all(session, settlements, books)
    for run_id, reason in tripped.items():
        held.stop_run(run_id, reason)


def _settlement(
    held: Held, came: Came, samples: Mapping[int, SampleInput], now: datetime
) -> Settlement:
    """Return what becomes of a line's request."""
    request, reading = came.line.request, came.reading
    context = held.engine.contexts[request.run_id]
    asked = [samples[sample] for sample in request.sample_ids]
    said = understand(reading, names=context.names(len(asked)), labels=context.labels)
    verdict = decide(
        request.asked, reading, said.parsed, refusal=said.refusal, jitter=random.random()
    )
    if reading.result is Result.WITHDRAWN and batches.was_too_much(held.batch):
        verdict = replace(verdict, wait_s=TOO_MUCH_WAIT_S)
    prices = held.model.prices
    share = 1.0 if prices is None else prices.batch_discount
    cost = cost_nano(prices, reading.usage, share=share)
    right = [context.classes.right(sample.target, sample.number) for sample in asked]
    heard = Heard(came.line.attempt_id, came.exchange, reading, cost, now)
    return Settlement(request, held.owner, verdict, now, said.reason, right, heard)


def _by_batch(verdict: Verdict) -> Verdict:
    """Return a verdict whose request goes into the next batch, not out by itself."""
    again = verdict.state is RequestState.DUE
    return replace(verdict, state=RequestState.WAITING) if again else verdict


def _nothing(line: Line, now: datetime) -> Exchange:
    """Return the exchange of a line that no reply came for."""
    return Exchange(None, {}, b"", max(0.0, (now - line.sent_at).total_seconds()))


def _rest(held: Held, fault: BatchFault) -> None:
    """Try again later; results that are gone for good make the batch one that is gone."""
    tries, reason = held.batch.tries + 1, fault.reading.reason
    if fault.is_unknown and tries >= GONE_TRIES:
        held.note(ending=Ending.GONE, tries=0, reason=reason)
        return
    held.let_go(rest_after(tries, fault.reading.retry_after_s), tries=tries, reason=reason)


def _end(held: Held, faults: Sequence[LineFault]) -> None:
    """End a batch; pause its runs where the next one would fare no better."""
    batch = held.batch
    with held.engine.database.read() as session:
        barren = batches.is_barren(session, batch)
    stopped = _why_stop(held, faults, barren=barren)
    held.move(STATE_OF[batch.ending or Ending.GONE])
    if stopped is not None:
        held.stop_runs(stopped)


def _why_stop(held: Held, faults: Sequence[LineFault], *, barren: bool) -> str | None:
    """Return why a person has to look, or None where the next batch may do better."""
    batch = held.batch
    if batch.ending is Ending.REJECTED:
        return f"the provider takes no batch: {batch.reason}"
    if batch.ending is Ending.EXPIRED and barren:
        return "the last batches all expired without an answer; resume to try another"
    too_much_alone = batches.was_too_much(batch) and batch.lines <= 1
    at_no_line = [fault for fault in faults if fault.line is None and fault.code != TOO_MUCH]
    if batch.ending is Ending.FAILED and (too_much_alone or at_no_line or not faults):
        return f"the provider turned a batch down: {batch.reason}"
    return None
