"""The file of a batch: requests become attempts, and these lines, a few in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from core import attempts, batch_lines, runs, settling
from core.attempts import Opened, Opening
from core.batch_lines import Line
from core.db import utc_now
from core.errors import InvalidMedia
from core.leases import Leased
from core.prompts import RunContext, SampleInput, write
from core.providers import openai_batch
from core.providers.body import Body
from core.rules.batches import MAX_BYTES, URLS
from core.rules.money import cost_nano
from core.rules.readings import Reading, Usage
from core.rules.states import RequestState
from core.rules.strategy import Verdict, decide
from core.rules.tokens import prompt_tokens
from core.settling import Settlement
from core.spending import Books
from core.vocabulary import Result
from worker.contexts import inputs_of, of_run
from worker.held import PART, READY, Held, Interrupted

CHUNK = 64
"""Requests leased at once."""
FLUSH_BYTES = 8_000_000
"""Of bodies in memory, before their attempts are written."""
FRAME_BYTES = 128
"""More than a line holds beside its body."""
MEGABYTE = 1_000_000
CHANGED = "the model was changed before the file was sent"


@dataclass(frozen=True)
class Ready:
    """A request whose line can be written."""

    request: Leased
    body: Body
    most_nano: int | None
    """What it costs at most, in billionths of a dollar; None: the model has no prices."""


def fill(held: Held) -> None:
    """Lease requests, write their attempts and the file, until it is full or nothing waits.

    Raises Interrupted when the process stops; what has an attempt is sent by the next step.
    """
    part = held.file(PART)
    with part.open("wb") as file:
        for chunk in _chunks(held):
            _add(held, chunk, file)
    part.rename(held.file(READY))


def rebuild(held: Held) -> None:
    """Write the file again from its attempts: the same lines, byte for byte.

    A line that would not be the same any more is taken out, and its request waits again.
    """
    part, after = held.file(PART), 0
    with part.open("wb") as file:
        while lines := _lines(held, after):
            after = lines[-1].attempt_id
            samples = _samples(held, [line.request for line in lines])
            for line in lines:
                body = _build(held, line.request, samples[line.request.id]).body
                if body.sha256 == line.sent_sha256:
                    file.write(_line(held, line.attempt_id, body))
                else:
                    _take_out(held, line)
    part.rename(held.file(READY))


def _chunks(held: Held) -> Iterator[list[Ready]]:
    """Yield requests with their bodies, until the file is full or nothing waits."""
    size, lines = 0, 0
    ready: list[Ready] = []
    while taken := _take(held, min(CHUNK, held.batch.allowed - lines)):
        samples = _samples(held, taken)
        for place, request in enumerate(taken):
            line = _sendable(held, request, samples[request.id])
            if line is None:
                continue
            if size + len(line.body.content) + FRAME_BYTES > MAX_BYTES:
                yield ready
                _give_back(held, taken[place:])
                return
            size, lines = size + len(line.body.content) + FRAME_BYTES, lines + 1
            ready.append(line)
            if sum(len(each.body.content) for each in ready) > FLUSH_BYTES:
                yield ready
                ready = []
        yield ready
        ready = []


def _take(held: Held, slots: int) -> list[Leased]:
    """Lease the next requests. Raises Interrupted when the process stops."""
    if held.engine.stopping.is_set():
        raise Interrupted
    with held.engine.database.write.begin() as session:
        held.keep(session)
        return batch_lines.take(session, held.batch, slots=slots, now=utc_now())


def _add(held: Held, chunk: Sequence[Ready], file: BinaryIO) -> None:
    """Write the attempts of some requests, then their lines."""
    if not chunk:
        return
    openings = [_opening(held, each) for each in chunk]
    with held.engine.database.write.begin() as session:
        held.keep(session)
        runs.hold(session, {each.request.run_id for each in chunk})
        with Books(session) as books:
            ends = attempts.open_all(session, openings, books)
            sent = [
                (each, end)
                for each, end in zip(chunk, ends, strict=True)
                if isinstance(end, Opened)
            ]
            batch_lines.add_lines(session, held.batch.id, [end.id for _, end in sent])
            # Their run was paused or cancelled meanwhile, or there is no money for them now.
            going = {each.request.id for each, _ in sent}
            unsent = [each.request for each in chunk if each.request.id not in going]
            settling.settle_all(session, [_unsent(held, request) for request in unsent], books)
    held.batch.lines += len(sent)
    file.writelines(_line(held, end.id, each.body) for each, end in sent)
    for run_id, over in attempts.out_of_budget(openings, ends).items():
        held.stop_run(run_id, over.reason, over=over.whose)


def _opening(held: Held, ready: Ready) -> Opening:
    body, credential = ready.body, held.batch.credential
    return Opening(
        ready.request, held.owner, credential, body.sent, body.sha256, utc_now(), ready.most_nano
    )


def _line(held: Held, attempt_id: int, body: Body) -> bytes:
    return openai_batch.line(attempt_id, URLS[held.model.wire], body.content)


def _lines(held: Held, after: int) -> list[Line]:
    """Return the next lines to write again."""
    with held.engine.database.write.begin() as session:
        held.keep(session)
        return batch_lines.lines_of(session, held.batch.id, after=after, limit=CHUNK)


def _samples(held: Held, requests: Sequence[Leased]) -> dict[int, list[SampleInput]]:
    """Return the samples of each request, and know the contexts of their runs."""
    engine = held.engine
    with engine.database.read() as session:
        samples = inputs_of(session, requests)
        for run_id in {request.run_id for request in requests} - engine.contexts.keys():
            engine.contexts[run_id] = of_run(session, run_id)
    return {r.id: [samples[sample] for sample in r.sample_ids] for r in requests}


def _context(held: Held, request: Leased) -> RunContext:
    return held.engine.contexts[request.run_id]


def _build(held: Held, request: Leased, samples: Sequence[SampleInput]) -> Ready:
    """Return the body of a request, and what it costs at most. Raises InvalidMedia."""
    context, model = _context(held, request), held.model
    detail = context.condition.detail
    prompt = write(held.engine.store, context, samples)
    most = None
    if model.prices is not None:
        tokens = Usage(prompt_tokens(prompt, detail, model.image_tokens), model.max_tokens)
        most = cost_nano(model.prices, tokens, share=model.prices.batch_discount)
    return Ready(request, held.adapter.build(model, prompt, detail), most)


def _sendable(held: Held, request: Leased, samples: Sequence[SampleInput]) -> Ready | None:
    """Return a request with its body; one that can never be sent is settled here and now."""
    try:
        ready = _build(held, request, samples)
    except InvalidMedia as error:
        reading = Reading(Result.REJECTED, reason=str(error))
    else:
        size, most = len(ready.body.content) / MEGABYTE, held.model.capabilities.body_mb
        if size <= most:
            return ready
        told = f"a body of {size:.1f} MB; the model takes {most} MB"
        reading = Reading(Result.TOO_LARGE, reason=told)
    verdict = decide(request.asked, reading, None, refusal=False, jitter=0.0)
    _settle(held, [Settlement(request, held.owner, verdict, utc_now(), reading.reason)])
    return None


def _give_back(held: Held, requests: Sequence[Leased]) -> None:
    """Return requests that found no room in the file."""
    _settle(held, [_unsent(held, request) for request in requests])


def _unsent(held: Held, request: Leased) -> Settlement:
    return Settlement(request, held.owner, Verdict(RequestState.WAITING), utc_now(), None)


def _settle(held: Held, settlements: Sequence[Settlement]) -> None:
    """Settle what was not sent."""
    with held.engine.database.write.begin() as session:
        held.keep(session)
        runs.hold(session, {s.request.run_id for s in settlements})
        with Books(session) as books:
            settling.settle_all(session, settlements, books)


def _take_out(held: Held, line: Line) -> None:
    """Take a line out of the batch before it was ever sent."""
    with held.engine.database.write.begin() as session:
        held.keep(session)
        runs.hold(session, {line.request.run_id})
        with Books(session) as books:
            attempt, now = line.attempt_id, utc_now()
            batch_lines.take_out(session, held.batch.id, attempt, CHANGED, books, now=now)
            settling.settle_all(session, [_unsent(held, line.request)], books)
    held.batch.lines -= 1
