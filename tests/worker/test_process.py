"""A worker as a whole: it takes work when it is woken, with no clock beside it."""

import socket
import threading
from pathlib import Path

import pytest
from celery.events import EventReceiver
from sqlalchemy import select

from core import jobs
from core.db import Base, Database, utc_now
from core.rules.submissions import Submission
from core.settings import Settings
from core.tables import Run
from migrations import schema
from tests import rows
from tests.e2e.cluster import Broker
from tests.e2e.processes import eventually, running
from worker.app import ADVANCE, DELIVER, DISPATCH, GATHER, PLAN, STALE_S, TICK, create_celery
from worker.engine import Engine
from worker.process import WorkerProcess
from worker.tasks import register
from worker.upkeep import quiet

NAMES = (PLAN, DISPATCH, TICK, GATHER, ADVANCE, DELIVER)
BODY = {"dataset": "moods", "models": ["local"], "conditions": {"template": ["plain"]}}


def database_at(settings: Settings) -> Database:
    database = Database.at(settings.database)
    Base.metadata.create_all(database.engine)
    with database.write.begin() as session:
        rows.dataset(session, 6)
        rows.model(session)
        rows.template(session)
    return database


def settings_at(folder: Path) -> Settings:
    return Settings(data=folder, database_url=None, broker_url=None, media_url=None)


def test_a_worker_that_is_woken_looks_at_once(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    database = database_at(settings)
    worker = WorkerProcess(settings)
    worker.start()
    try:
        with database.write.begin() as session:
            submission = Submission.model_validate(BODY)
            jobs.submit(session, submission, idempotency_key=None, now=utc_now())
        worker.wake()

        def planned() -> int:
            with database.read() as session:
                return session.scalars(select(Run.planned)).one()

        assert eventually(planned, 30) == 6
    finally:
        worker.stop()
        database.close()


def test_workers_of_one_process_have_tasks_of_their_own(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    database_at(settings).close()
    engine = Engine(settings)
    apps = [create_celery(settings), create_celery(settings)]
    for app in apps:
        register(app, engine)
    first, second = [{name: app.tasks[name].app for name in NAMES} for app in apps]
    engine.wind_down()
    engine.close()

    assert first == dict.fromkeys(NAMES, apps[0])
    assert second == dict.fromkeys(NAMES, apps[1])


def test_a_service_is_quiet_until_something_is_asked_of_it(tmp_path: Path) -> None:
    database = database_at(settings_at(tmp_path))
    assert quiet(database, now=utc_now())

    with database.write.begin() as session:
        submission = Submission.model_validate(BODY)
        made = jobs.submit(session, submission, idempotency_key=None, now=utc_now())
    assert not quiet(database, now=utc_now())

    with database.write.begin() as session:
        jobs.cancel(session, made.id, now=utc_now())
    assert quiet(database, now=utc_now())
    database.close()


@pytest.mark.slow
def test_celerys_events_are_told_to_who_asked_for_them(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    broker = Broker(tmp_path)
    shared = {"database_url": f"sqlite:///{tmp_path / 'shared.db'}", "broker_url": broker.url}
    app = create_celery(Settings.model_validate({**shared, "celery_events": True}))
    schema.upgrade(shared["database_url"])
    environment = {f"GERBENCH_{name.upper()}": value for name, value in shared.items()}
    environment |= {"GERBENCH_CELERY_EVENTS": "true", "GERBENCH_DATA": str(tmp_path)}
    with (
        running("worker", log=tmp_path / "log", environment=environment) as worker,
        app.connection_for_read() as connection,
    ):
        heard = {"*": lambda event: seen.append((event["type"], event["hostname"]))}
        receiver = EventReceiver(connection, heard, app=app)
        listening = threading.Thread(target=lambda: receiver.capture(limit=None, wakeup=False))
        listening.start()

        def told() -> bool:
            app.send_task(TICK, expires=STALE_S)
            return {"task-received", "task-started", "task-succeeded"} <= {kind for kind, _ in seen}

        try:
            eventually(told, 60, lambda: worker.output)
        finally:
            receiver.should_stop = True
            listening.join()
        names = {name for kind, name in seen if kind in {"task-received", "task-succeeded"}}
        assert names == {f"gerbench-{worker.pid}@{socket.gethostname()}"}
    broker.stop()
