"""Every exchange of a run with its provider as JSON Lines: the raw material, verbatim."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db import Database
from core.retention import WHY
from core.rules.money import dollars
from core.tables import Attempt

BATCH = 20
"""Attempts read at once: each has bodies of up to some MB."""

FIELDS = (
    "id",
    "run_id",
    "request_id",
    "number",
    "batch_id",
    "credential",
    "result",
    "status",
    "sent_at",
    "finished_at",
    "latency_s",
    "prompt_tokens",
    "completion_tokens",
    "reason",
    "sent",
    "sent_sha256",
    "headers",
    "body_sha256",
    "dropped_at",
)
"""Those that are exported under their own name and as they are."""


def lines(database: Database, run_id: UUID) -> Iterator[bytes]:
    """Yield the attempts of a run, one JSON object a line, in the order they were made.

    `body` is text, and `body_encoding` "utf-8"; where the bytes are no UTF-8 it is base64, and
    `body_encoding` "base64". So every body can be had again byte for byte.
    """
    after = 0
    while True:
        with database.read() as session:
            found = _batch(session, run_id, after)
        yield b"".join(orjson.dumps(_line(attempt)) + b"\n" for attempt in found)
        if len(found) < BATCH:
            return
        after = found[-1].id


def _batch(session: Session, run_id: UUID, after: int) -> list[Attempt]:
    query = select(Attempt).where(Attempt.run_id == run_id, Attempt.id > after)
    return list(session.scalars(query.order_by(Attempt.id).limit(BATCH)))


def _line(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as it is exported."""
    body, encoding = _body(attempt.body)
    cost = None if attempt.cost_nano is None else dollars(attempt.cost_nano)
    own = {name: getattr(attempt, name) for name in FIELDS}
    return {
        **own,
        "cost_usd": cost,
        "reserved_usd": dollars(attempt.reserved_nano),
        "dropped_because": attempt.dropped_at and WHY,
        "body": body,
        "body_encoding": encoding,
    }


def _body(body: bytes | None) -> tuple[str | None, str | None]:
    if body is None:
        return None, None
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return b64encode(body).decode(), "base64"
