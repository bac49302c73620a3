"""Replies on disk while the database is away, and what becomes of those of the dead."""

import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from core import attempts, leases
from core.attempts import Heard, Opened, Opening
from core.db import utc_now
from core.leases import Leased
from core.providers import openai_chat
from core.rescue import rescue
from core.rules.readings import Exchange
from core.rules.states import RequestState
from core.rules.strategy import Asked, Verdict
from core.settling import Settlement
from core.spending import Books
from core.tables import Attempt, Sample
from core.vocabulary import Result
from gerbench.endpoint.launch import LocalEndpoint
from tests import rows
from tests.e2e.processes import eventually
from tests.replies import right, wire
from tests.rows import NOW
from tests.worker.conftest import SAMPLES, read, submit, work
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.recovery import recover
from worker.spool import UNREAD, Reply, Spool, Waiting, files, left_behind, waiting
from worker.upkeep import tidy

Serve = Callable[..., LocalEndpoint]
BINARY = bytes(range(256))
DEAD = "host:1:dead"
PRICES = {"input_per_mtok": 1, "output_per_mtok": 2}


def heard(attempt_id: int, request: Leased, body: bytes, owner: str = DEAD) -> Settlement:
    """Return a settlement with a reply; what it says of the request plays no part in the spool."""
    exchange = Exchange(200, {"x-request-id": "r1"}, body, 0.25)
    reading = openai_chat.read(exchange, now=NOW)
    given = Heard(attempt_id, exchange, reading, None, NOW)
    return Settlement(request, owner, Verdict(RequestState.DUE), NOW, None, (), given)


def any_request(number: int = 7) -> Leased:
    return Leased(number, UUID(int=3), (4, 5), 2, Asked(2, 1, 0, 1))


def test_a_reply_is_read_back_as_it_was() -> None:
    exchange = Exchange(None, {"x-request-id": "r1"}, BINARY, 0.25, Result.TIMEOUT, "no reply")
    reply = Reply(11, any_request(), DEAD, exchange, NOW)

    line = reply.line()

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert Reply.read(line) == reply


def test_only_what_was_heard_is_kept_and_nothing_is_left_when_it_is_stored(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", DEAD)
    unsent = Settlement(any_request(), DEAD, Verdict(RequestState.DUE), NOW, None)

    spool.keep([unsent])
    assert waiting(tmp_path / "spool") == Waiting(0, 0)

    spool.keep([heard(1, any_request(), BINARY), unsent, heard(2, any_request(), BINARY)])
    assert waiting(tmp_path / "spool") == Waiting(2, spool.path.stat().st_size)

    spool.clear()
    assert list((tmp_path / "spool").iterdir()) == []
    spool.clear()


def test_the_file_of_a_process_that_lives_is_nobody_else_s(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEAD)
    spool.keep([heard(1, any_request(), BINARY)])

    assert list(left_behind(tmp_path)) == []
    spool.close()
    assert [left.path for left in left_behind(tmp_path)] == [spool.path]


def test_a_disk_that_takes_nothing_leaves_no_half_line(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEAD)
    spool.keep([heard(1, any_request(), BINARY)])
    size = spool.path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            spool.keep([heard(2, any_request(), BINARY)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert spool.path.stat().st_size == size

    spool.keep([heard(3, any_request(), BINARY)])
    spool.close()
    (left,) = left_behind(tmp_path)
    replies, whole = left.replies()
    assert ([reply.attempt_id for reply in replies], whole) == ([1, 3], True)


@pytest.fixture
def lost(engine: Engine) -> tuple[UUID, Leased, int]:
    """A run, one of its requests in the hands of a worker that died, and the attempt it made."""
    run_id = submit(engine, "http://127.0.0.1:9/v1", prices=PRICES)
    model_id = rows.model_of(read(engine, run_id))
    now = utc_now()
    with engine.database.write.begin() as session:
        (request,) = leases.lease(
            session, model_id, owner=DEAD, slots=1, now=now, lasts=rows.LATER - rows.NOW
        )
        opening = Opening(request, DEAD, "anonymous", {"model": "fer"}, "0" * 64, now, None)
        with Books(session) as books:
            (opened,) = attempts.open_all(session, [opening], books)
    assert isinstance(opened, Opened)
    return run_id, request, opened.id


def answer(engine: Engine, request: Leased) -> bytes:
    """Return a reply that gives each sample of a request its target."""
    with engine.database.read() as session:
        targets = [session.get_one(Sample, sample).target or "" for sample in request.sample_ids]
    return wire(right(targets))


def left(engine: Engine, settlements: Sequence[Settlement]) -> Path:
    """Leave replies in the spool as a process does that dies."""
    spool = Spool(engine.spool, DEAD)
    spool.keep(settlements)
    spool.close()
    return spool.path


@pytest.mark.parametrize("rescued", [False, True])
def test_a_reply_of_the_dead_counts_as_if_it_had_just_come(
    engine: Engine, lost: tuple[UUID, Leased, int], rescued: bool
) -> None:
    run_id, request, attempt_id = lost
    path = left(engine, [heard(attempt_id, request, answer(engine, request))])
    if rescued:
        with engine.database.write.begin() as session:
            rescue(session, expired_before=None, jitter=0.0, now=utc_now())

    assert recover(engine.database, engine.spool) == 1
    assert recover(engine.database, engine.spool) == 0

    run = read(engine, run_id)
    assert (run.answered, run.attempts, run.unknown_attempts) == (10, 1, 0)
    assert (run.prompt_tokens, run.completion_tokens) == (10, 5)
    assert (run.cost_nano, run.lost_nano) == (10 * 1000 + 5 * 2000, 0)
    with engine.database.read() as session:
        (attempt,) = session.scalars(select(Attempt))
    assert (attempt.result, attempt.finished_at) == (Result.ANSWERED, NOW)
    assert attempt.body == answer(engine, request)
    assert not path.exists()


def test_a_reply_that_was_stored_before_its_process_died_is_counted_once(
    engine: Engine, lost: tuple[UUID, Leased, int]
) -> None:
    run_id, request, attempt_id = lost
    for _ in range(2):
        left(engine, [heard(attempt_id, request, answer(engine, request))])
        recover(engine.database, engine.spool)

    assert read(engine, run_id).cost_nano == 20_000


def test_a_torn_last_line_is_skipped_and_its_file_put_aside(
    engine: Engine, lost: tuple[UUID, Leased, int]
) -> None:
    run_id, request, attempt_id = lost
    path = left(engine, [heard(attempt_id, request, answer(engine, request))] * 2)
    path.write_bytes(path.read_bytes()[:-20])

    assert recover(engine.database, engine.spool) == 1

    assert read(engine, run_id).answered == 10
    assert files(engine.spool) == []
    assert path.with_name(path.name + UNREAD).exists()
    assert recover(engine.database, engine.spool) == 0


def test_a_reply_of_another_database_changes_nothing_here(
    engine: Engine, lost: tuple[UUID, Leased, int]
) -> None:
    run_id, request, attempt_id = lost
    stranger = any_request(request.id)
    path = left(engine, [heard(attempt_id, stranger, answer(engine, request))])

    recover(engine.database, engine.spool)

    assert read(engine, run_id).answered == 0
    assert path.with_name(path.name + UNREAD).exists()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds the database locked by another says so soon."""
    monkeypatch.setattr("core.db.SQLITE_BUSY_MS", 50)
    monkeypatch.setattr("worker.writer.RETRY_S", 0.05)


@pytest.fixture
def intruder(impatient: None, engine: Engine) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else; while it is in a transaction nothing can be written."""
    file = engine.database.engine.url.database
    assert file is not None
    connection = sqlite3.connect(file, isolation_level=None)
    yield connection
    connection.close()


def test_answers_wait_on_disk_while_the_database_takes_nothing(
    intruder: sqlite3.Connection, engine: Engine, serve: Serve
) -> None:
    endpoint = serve(latency_ms=300)
    run_id = submit(engine, endpoint.base_url, canary=False)
    model_id = rows.model_of(read(engine, run_id))
    slice_ = threading.Thread(target=engine.run, args=(dispatch(engine, model_id),))
    slice_.start()
    eventually(lambda: read(engine, run_id).attempts == 4, 20)

    intruder.execute("BEGIN IMMEDIATE")
    eventually(lambda: waiting(engine.spool).replies == 4, 20)
    while_away = read(engine, run_id).answered
    intruder.execute("ROLLBACK")
    slice_.join()
    tidy(engine.database, now=utc_now())

    run = read(engine, run_id)
    assert while_away == 0
    assert (run.status, run.answered, run.attempts) == ("completed", SAMPLES, 4)
    assert len(endpoint.log) == 4
    assert files(engine.spool) == []


def test_an_engine_that_stops_while_the_database_takes_nothing_leaves_its_answers_to_the_next(
    intruder: sqlite3.Connection, engine: Engine, serve: Serve
) -> None:
    endpoint = serve(latency_ms=300)
    run_id = submit(engine, endpoint.base_url, canary=False)
    model_id = rows.model_of(read(engine, run_id))
    slice_ = threading.Thread(target=engine.run, args=(dispatch(engine, model_id),))
    slice_.start()
    eventually(lambda: read(engine, run_id).attempts == 4, 20)
    intruder.execute("BEGIN IMMEDIATE")
    eventually(lambda: waiting(engine.spool).replies == 4, 20)

    engine.writer.close()
    intruder.execute("ROLLBACK")
    assert recover(engine.database, engine.spool) == 4

    assert read(engine, run_id).answered == SAMPLES
    engine.stopping.set()
    for call in engine.calls:
        engine.loop.call_soon_threadsafe(call.cancel)
    slice_.join()
    assert work(engine, run_id).status == "completed"
    assert len(endpoint.log) == 4
