"""What a worker process tells others of itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import workers
from core.db import utc_now
from core.rules.room import Health
from core.tables import Standing, Worker
from gerbench.endpoint.launch import LocalEndpoint
from tests import rows
from tests.e2e.processes import eventually
from tests.worker.conftest import SAMPLES, read, submit
from worker import pulse
from worker.dispatch import dispatch
from worker.engine import Engine
from worker.gate import Gate
from worker.pulse import beat
from worker.tasks import work_due

Serve = Callable[..., LocalEndpoint]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "PULSE_S", 0.02)


def seen(engine: Engine) -> Worker | None:
    with engine.database.read() as session:
        return session.scalar(select(Worker))


def until(condition: Callable[[], object]) -> None:
    deadline = utc_now() + timedelta(seconds=20)
    while not condition():
        assert utc_now() < deadline


def test_a_worker_says_that_it_lives_and_at_the_end_that_it_stopped(engine: Engine) -> None:
    engine.begin(beat(engine))
    until(lambda: seen(engine))
    first = seen(engine)
    assert first is not None
    engine.spool.mkdir(parents=True, exist_ok=True)
    (engine.spool / "w.jsonl.unread").write_bytes(b"x" * 7)
    engine.ticked_at, engine.upkeep.rescued = utc_now(), 2
    until(lambda: (now := seen(engine)) is not None and now.rescued == 2)

    engine.wind_down()
    last = seen(engine)

    assert last is not None
    assert (first.owner, last.owner, first.stopped_at) == (engine.owner, engine.owner, None)
    assert (last.ticked_at, last.spool_bytes) == (engine.ticked_at, 7)
    assert last.seen_at > first.seen_at
    assert last.stopped_at is not None
    assert not workers.lives(last, now=utc_now())


def test_how_a_model_stands_is_told_while_it_is_called_and_once_after(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(quota=1)
    run = read(engine, submit(engine, endpoint.base_url))
    assert run.model_id is not None

    engine.run(dispatch(engine, run.model_id))
    engine.begin(beat(engine))
    until(lambda: _stored(engine))
    with engine.database.read() as session:
        standing = workers.standings(session, [run.model_id])[run.model_id]

    (credential,) = standing.credentials
    assert (credential.credential, credential.health) == ("anonymous", Health.EXHAUSTED)
    assert credential.until is not None
    assert standing.want is not None
    assert abs(standing.want.until - credential.until) < timedelta(seconds=5)
    assert (standing.want.limit, standing.away) == (None, None)
    # It rests for some seconds, and is asked about again then.
    assert run.model_id in engine.called


def test_calls_that_have_room_ahead_of_their_place_are_not_told_as_under_way(
    engine: Engine, serve: Serve
) -> None:
    endpoint = serve(latency_ms=300)
    limits = {"rpm": 100_000, "concurrency": 2}
    run = read(engine, submit(engine, endpoint.base_url, batch_size=5, canary=False, limits=limits))
    model_id = rows.model_of(run)
    gate = engine.courses[model_id].gate
    engine.run(_passed_by(gate))
    told: list[int] = []
    engine.begin(dispatch(engine, model_id))
    engine.begin(beat(engine))

    def over() -> bool:
        with engine.database.read() as session:
            standing = workers.standings(session, [model_id]).get(model_id)
        told.extend(each.in_flight for each in (standing.credentials if standing else ()))
        return read(engine, run.id).answered == SAMPLES

    eventually(over, 20)

    assert max(told) == 2


async def _passed_by(gate: Gate) -> None:
    """Let a call pass at once, so that the next have room ahead."""
    await gate.enter(2)
    gate.leave(0.001)


def test_a_model_that_is_at_rest_is_not_looked_at_again(engine: Engine, serve: Serve) -> None:
    run = read(engine, submit(engine, serve().base_url))
    assert run.model_id is not None

    engine.run(dispatch(engine, run.model_id))
    engine.begin(beat(engine))
    until(lambda: _stored(engine))
    until(lambda: not engine.called)

    assert engine.wants == {}


def test_a_tick_counts_what_it_rescued(engine: Engine, serve: Serve) -> None:
    submit(engine, serve().base_url)

    assert [name for name, *_ in work_due(engine, now=utc_now())] == ["dispatch"]
    assert engine.upkeep.rescued == 0


def _stored(engine: Engine) -> object:
    with engine.database.read() as session:
        return session.scalar(select(Standing))
