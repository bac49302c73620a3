"""Wake-ups from a process that does not work itself, by way of a broker that may be away."""

import threading

import structlog
from kombu.exceptions import OperationalError

from core.settings import Settings
from worker.app import STALE_S, TICK, create_celery

log = structlog.get_logger()

GAP_S = 0.5
"""Between two wake-ups: one does for all that was asked meanwhile."""
AWAY_S = 2.0
"""How long a broker may take to answer."""
LAST_WORD_S = 1.0
"""How long a stop waits for a wake-up that is under way."""


class Waker:
    """Sends a tick when it is asked for one, in a thread of its own: nobody waits for a broker.

    A broker that is away costs the wake-up, no more: the clock's next tick finds the same work.
    """

    def __init__(self, settings: Settings) -> None:
        self._app = create_celery(settings)
        self._app.conf.broker_connection_timeout = AWAY_S
        self._app.conf.broker_transport_options |= {
            "socket_connect_timeout": AWAY_S,
            "socket_timeout": AWAY_S,
        }
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="waker", daemon=True)

    def start(self) -> None:
        """Begin to listen; a first wake-up leaves at once, so that no later one has to connect."""
        self.wake()
        self._thread.start()

    def wake(self) -> None:
        """Let a worker look at the queue soon; returns at once."""
        self._asked.set()

    def alive(self) -> bool:
        """Tell whether wake-ups are still sent."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        self._asked.set()
        self._thread.join(LAST_WORD_S)

    def _serve(self) -> None:
        while True:
            self._asked.wait()
            if self._stopping.is_set():
                self._app.close()
                return
            self._asked.clear()
            try:
                self._app.send_task(TICK, expires=STALE_S, retry=False)
            except (OperationalError, OSError) as error:
                log.debug("a wake-up was not sent", error=str(error))
            self._stopping.wait(GAP_S)
