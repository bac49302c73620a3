import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from core.db import Database
from core.errors import StaleSchema
from core.settings import Settings
from gerbench.client import connect, path
from gerbench.service import Service
from migrations import schema
from worker.process import BeatProcess, WorkerProcess


def test_whoever_finds_the_address_finds_the_key_too(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=None, broker_url=None, media_url=None)
    service = Service(settings, host="127.0.0.1", port=0, worker=False)
    try:
        service.start()
        with connect(tmp_path) as client:
            models = list(client.items(path("models")))
    finally:
        service.stop()

    assert models == []


def test_the_worker_hears_of_a_stop_while_the_clock_sleeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = threading.Event()
    in_time: list[bool] = []
    stop_worker, stop_clock = WorkerProcess.stop, BeatProcess.stop

    def stop_of_worker(worker: WorkerProcess) -> None:
        heard.set()
        stop_worker(worker)

    def stop_of_clock(clock: BeatProcess) -> None:
        in_time.append(heard.wait(10))
        stop_clock(clock)

    monkeypatch.setattr(WorkerProcess, "stop", stop_of_worker)
    monkeypatch.setattr(BeatProcess, "stop", stop_of_clock)
    settings = Settings(data=tmp_path, database_url=None, broker_url=None, media_url=None)
    service = Service(settings, host="127.0.0.1", port=0, worker=True)
    service.start()
    service.stop()

    assert in_time == [True]


def test_a_folder_of_code_between_releases_is_refused_in_words_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path, database_url=None, broker_url=None, media_url=None)
    schema.upgrade(settings.database)
    database = Database.at(settings.database)
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text("ALTER TABLE jobs DROP COLUMN priority"))

    with pytest.raises(StaleSchema, match="use another data folder"):
        Service(settings, host="127.0.0.1", port=0, worker=False)

    assert schema.current(settings.database) == schema.head()
    database.close()
