"""A worker as one object: started, and stopped within seconds."""

import threading
from typing import Any

from celery.beat import Scheduler, Service
from celery.worker import WorkController

from core.settings import Settings
from worker.app import create_celery
from worker.engine import Engine
from worker.tasks import register

THREADS = 32
"""Celery tasks at once. They wait far more than they compute: a slice holds one while it lasts."""


class WorkerProcess:
    """A Celery worker and its engine, in threads of this process."""

    def __init__(self, settings: Settings) -> None:
        self.engine = Engine(settings)
        app = create_celery(settings)
        register(app, self.engine)
        self._controller: Any = WorkController(
            app=app,
            pool_cls="threads",
            concurrency=THREADS,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._thread = threading.Thread(target=self._controller.start, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to take work."""
        self._thread.start()

    def alive(self) -> bool:
        """Tell whether it still takes work."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Take no more work, end what is under way, and close."""
        # Celery waits for its tasks, and these for the engine to wind down: so both at once.
        controller = threading.Thread(target=self._controller.stop, name="worker-stop")
        controller.start()
        self.engine.wind_down()
        controller.join()
        self._thread.join()
        self.engine.close()


class BeatProcess:
    """The clock that sends `tick`. Several do no harm: ticks are idempotent."""

    def __init__(self, settings: Settings) -> None:
        app = create_celery(settings)
        self._service: Any = Service(app, max_interval=1, scheduler_cls=Scheduler)
        self._thread = threading.Thread(target=self._service.start, name="beat", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def alive(self) -> bool:
        """Tell whether it still ticks."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Tick no more."""
        self._service.stop(wait=True)
