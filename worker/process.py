"""A worker as one object: started, and stopped within seconds."""

import os
import socket
import threading
from typing import Any

import structlog
from celery.beat import Scheduler, Service
from celery.worker import WorkController

from core.settings import Settings
from worker.app import STALE_S, TICK, create_celery
from worker.engine import Engine
from worker.memory import economise
from worker.pulse import beat
from worker.tasks import register

log = structlog.get_logger()

AGAIN_S = 1.0
"""Before a Celery worker that ended by itself is followed by another."""
STOP_POLL_S = 0.1

THREADS = 32
"""Celery tasks at once. They wait far more than they compute: a slice holds one while it lasts."""


class WorkerProcess:
    """A Celery worker and its engine, in threads of this process."""

    def __init__(self, settings: Settings) -> None:
        economise()
        self.engine = Engine(settings)
        self._settings = settings
        self._stopping = threading.Event()
        self._app = create_celery(settings)
        self._controller = self._made_controller()
        self._thread = threading.Thread(target=self._serve, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to take work, and say so."""
        self.engine.begin(beat(self.engine))
        self._thread.start()
        log.info("worker started", worker=self.engine.owner)

    def wake(self) -> None:
        """Look at the queue now instead of at the next tick."""
        self._app.send_task(TICK, expires=STALE_S)

    def alive(self) -> bool:
        """Tell whether it still takes work."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Take no more work, end what is under way, and close."""
        # Celery waits for its tasks, and these for the engine to wind down: so both at once.
        self._stopping.set()
        controller = threading.Thread(target=self._stop_controller, name="worker-stop")
        controller.start()
        self.engine.wind_down()
        controller.join()
        self.engine.close()
        log.info("worker stopped", worker=self.engine.owner)

    def _made_controller(self) -> Any:
        """Return a Celery worker that works with this process's engine."""
        app = create_celery(self._settings)
        register(app, self.engine)
        # The pool's threads look for tasks in the default application.
        app.set_default()
        return WorkController(
            app=app,
            pool_cls="threads",
            concurrency=THREADS,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=not self._settings.celery_events,
            # Several on one machine are told apart by it.
            hostname=f"gerbench-{os.getpid()}@{socket.gethostname()}",
        )

    def _serve(self) -> None:
        """Run a Celery worker; one that ends by itself is followed by another.

        A message between delivery and acknowledgement when Redis goes away is one that kombu
        fails to give back, which ends Celery's consumer for good.
        """
        while not self._stopping.is_set():
            self._controller.start()
            if not self._stopping.wait(AGAIN_S):
                log.warning("Celery's worker ended by itself; another takes its place")
                self._controller = self._made_controller()

    def _stop_controller(self) -> None:
        """Stop Celery's worker, and one that may be starting at this moment."""
        while self._thread.is_alive():
            self._controller.stop()
            self._thread.join(STOP_POLL_S)


class Clock(Scheduler):
    """Celery's scheduler without its head start.

    It would wake 10 ms ahead of each tick and spin until it is time, which is more than all else
    that an idle service does.
    """

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """Return when to wake for what is due in `n` seconds."""
        return n + drift


class BeatProcess:
    """The clock that sends `tick`. Several do no harm: ticks are idempotent."""

    def __init__(self, settings: Settings) -> None:
        app = create_celery(settings)
        self._service: Any = Service(app, max_interval=1, scheduler_cls=Clock)
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
