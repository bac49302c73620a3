"""Messages within a process: taken when they come, not when somebody looks."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from kombu import Connection

from core.settings import Settings
from worker.app import create_celery
from worker.broker import LOOK_S, Bell
from worker.process import BeatProcess


def settings(folder: Path, **values: Any) -> Settings:
    given = {"data": folder, "database_url": None, "broker_url": None, "media_url": None}
    return Settings(**given | values)


@pytest.fixture
def app(tmp_path: Path) -> Celery:
    return create_celery(settings(tmp_path))


@pytest.fixture
def connection(app: Celery) -> Iterator[Connection]:
    with app.connection_for_read() as connection:
        yield connection


def test_a_ring_before_the_wait_is_heard() -> None:
    bell = Bell()
    heard = bell.heard()
    bell.ring()

    began = time.monotonic()
    bell.wait(heard, 30)

    assert time.monotonic() - began < 10


def test_a_wait_without_a_ring_ends_by_itself() -> None:
    bell = Bell()

    bell.wait(bell.heard(), 0.01)

    assert bell.heard() == 0


def test_a_message_wakes_whoever_waits_for_one(connection: Connection) -> None:
    name, taken = uuid4().hex, threading.Event()
    queue = connection.SimpleQueue(name)

    def take() -> None:
        queue.get(timeout=60).ack()
        taken.set()

    taker = threading.Thread(target=take)
    taker.start()
    with connection.clone() as other:
        other.SimpleQueue(name).put({"a": "message"})

    assert taken.wait(60)
    taker.join()
    queue.close()


def test_nobody_sleeps_for_longer_than_a_stop_may_take(connection: Connection) -> None:
    queue = connection.SimpleQueue(uuid4().hex)
    queue.consumer.consume()

    with pytest.raises(TimeoutError):
        connection.drain_events()

    queue.close()
    assert LOOK_S <= 0.5


def test_embedded_mode_alone_has_its_own_transport(tmp_path: Path, app: Celery) -> None:
    shared = create_celery(
        settings(
            tmp_path,
            database_url="postgresql+psycopg://db/gerbench",
            broker_url="redis://127.0.0.1:6379/0",
        )
    )

    assert type(app.connection_for_read().transport).__module__ == "worker.broker"
    assert shared.connection_for_read().transport.driver_type == "redis"
    assert not app.conf.worker_enable_remote_control
    assert shared.conf.worker_enable_remote_control


def test_the_clock_sleeps_until_it_is_time(tmp_path: Path) -> None:
    scheduler = BeatProcess(settings(tmp_path))._service.scheduler

    waits = [scheduler.tick() for _ in range(2)]

    # Celery's own would ask to be woken 10 ms before, and again and again from then on.
    assert scheduler.adjust(0.005) == 0.005
    assert all(0 <= wait <= 1 for wait in waits)
