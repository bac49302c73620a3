"""Runs that were answered by replies on OpenAI's wire, settled as a worker settles them."""

import json
from collections.abc import Callable
from uuid import UUID

from sqlalchemy.orm import Session

from core import attempts, closing, jobs, leases, runs, settling
from core.attempts import Heard, Opened, Opening
from core.db import Database
from core.leases import Leased
from core.providers import openai_chat
from core.rules.readings import Exchange
from core.rules.replies import understand
from core.rules.specs import Condition
from core.rules.strategy import decide
from core.rules.templates import names
from core.settling import Settlement
from core.spending import Books
from core.tables import Run, Sample
from tests import rows
from tests.rows import LABELS, LATER, NOW

COST = 1000
Say = Callable[[list[str]], str]
"""Makes the text of a reply from the targets of a request's samples."""


def ranked(label: str) -> list[str]:
    return [label, *(other for other in LABELS if other != label)]


def right(targets: list[str]) -> str:
    """Give every sample its target, in the format that the prompt asks for."""
    return json.dumps(
        [
            {"name": f"Text {number}", "result": ranked(target)}
            for number, target in enumerate(targets, 1)
        ]
    )


def unreadable(_: list[str]) -> str:
    return "Hard to say."


def wire(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return json.dumps({"choices": [{"message": message}], "usage": usage}).encode()


def answer(database: Database, run_id: UUID, say: Say = right) -> None:
    """Answer every request of a run until none is left, and close it."""
    while leased := _lease(database, run_id):
        with database.write.begin() as session:
            for request in leased:
                with Books(session) as books:
                    settlement = _settlement(session, run_id, request, books, say)
                    settling.settle_all(session, [settlement], books)
    with database.write.begin() as session:
        run = runs.get(session, run_id)
        jobs.lock(session, jobs.owner(run))
        closing.close(session, run_id, now=NOW)
        jobs.follow(session, jobs.owner(run), now=NOW)


def _lease(database: Database, run_id: UUID) -> list[Leased]:
    with database.write.begin() as session:
        model = rows.model_of(runs.get(session, run_id))
        return leases.lease(session, model, owner="me", slots=100, now=LATER, lasts=LATER - NOW)


def _settlement(
    session: Session, run_id: UUID, request: Leased, books: Books, say: Say
) -> Settlement:
    run = session.get_one(Run, run_id)
    opening = Opening(request, "me", "anonymous", {"model": "fer"}, "0" * 64, NOW, None)
    (opened,) = attempts.open_all(session, [opening], books)
    assert isinstance(opened, Opened)
    targets = [session.get_one(Sample, sample).target or "" for sample in request.sample_ids]
    exchange = Exchange(200, {"x-request-id": "r1"}, wire(say(targets)), 0.25)
    reading = openai_chat.read(exchange, now=NOW)
    modality = Condition.model_validate(run.condition).modality
    said = understand(reading, names=names(modality, len(targets)), labels=LABELS)
    verdict = decide(request.asked, reading, said.parsed, refusal=said.refusal, jitter=0.0)
    heard = Heard(opened.id, exchange, reading, COST, NOW)
    return Settlement(
        request, "me", verdict, NOW, said.reason, [frozenset({t}) for t in targets], heard
    )
