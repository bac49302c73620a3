"""The service as one object: API, and in embedded mode worker and clock beside it."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import uvicorn

from api.main import create_app, end_streams
from core import batches, keys, leases, rescue, sending, sign_ins
from core.db import Database, utc_now
from core.errors import Conflict, NotReady
from core.settings import Settings
from gerbench.folder import DataFolder
from migrations import schema
from worker.process import BeatProcess, WorkerProcess
from worker.recovery import recover
from worker.waking import Waker

START_POLL_S = 0.01
"""Between looks at whether the API answers."""

DRAIN_S = 1
"""How long open connections may take to end when the service stops."""


class Service:
    """What `gerbench up` runs. Start it, then stop it; both return within seconds."""

    def __init__(self, settings: Settings, *, host: str, port: int, worker: bool) -> None:
        self._stack = ExitStack()
        try:
            self._folder = DataFolder(settings.data)
            self._stack.callback(self._folder.close)
            self._socket = _listen(host, port)
            self._stack.callback(self._socket.close)
            _prepare(settings)
        except BaseException:
            self._stack.close()
            raise
        self._settings = settings
        self._worker = worker
        self._waker = None if settings.broker_url is None else Waker(settings)
        self._processes: list[WorkerProcess | BeatProcess] = []
        address = self._socket.getsockname()
        self.url = f"http://{_bracketed(address[0])}:{address[1]}"
        self._app = create_app(settings, nudge=self._nudge)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            timeout_graceful_shutdown=DRAIN_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="api"
        )

    def start(self) -> None:
        """Begin to listen, and to work."""
        if self._waker is not None:
            self._waker.start()
            self._stack.callback(self._waker.stop)
        self._thread.start()
        self._stack.callback(self._stop_api)
        if self._worker:
            self._stack.callback(self._stop_processes)
            for process in (WorkerProcess(self._settings), BeatProcess(self._settings)):
                process.start()
                self._processes.append(process)
        self._wait_for_api()
        self._folder.announce(self.url)

    def sign_in_link(self) -> str:
        """Return an address that signs in, as the admin, the first browser that opens it."""
        key, now = self._settings.admin_key, utc_now()
        secret = (
            (self._settings.data / keys.ADMIN_FILE).read_text("utf-8").strip()
            if key is None
            else key.get_secret_value()
        )
        database = Database.at(self._settings.database)
        try:
            with database.write.begin() as session:
                token = sign_ins.offer(
                    session, keys.find(session, keys.digest(secret), now=now), now=now
                )
        finally:
            database.close()
        return f"{self.url}/sign-in/{token}"

    def alive(self) -> bool:
        """Tell whether every part of it still runs."""
        return self._thread.is_alive() and all(process.alive() for process in self._processes)

    def stop(self) -> None:
        """Stop the worker and the clock, then the API."""
        self._stack.close()

    def _nudge(self) -> None:
        """Let a worker look at the queue at once: that of this process, or whoever works."""
        if self._waker is not None:
            self._waker.wake()
            return
        for process in self._processes:
            if isinstance(process, WorkerProcess):
                process.wake()

    def _wait_for_api(self) -> None:
        """Return once the API answers: whoever finds its address finds the key there too."""
        while not self._server.started:
            if not self._thread.is_alive():
                raise NotReady("the API did not start; its log says why")
            time.sleep(START_POLL_S)

    def _stop_processes(self) -> None:
        """Stop them together: the clock may sleep for a second, and no call may leave in it."""
        with ThreadPoolExecutor() as threads:
            for stopped in [threads.submit(each.stop) for each in self._processes]:
                stopped.result()

    def _stop_api(self) -> None:
        """Stop listening; live streams are ended first, since they have no end of their own."""
        if self._server.started:
            end_streams(self._app)
        self._server.should_exit = True
        self._thread.join()


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 asks the system for one. Raises Conflict if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Conflict(
            f"cannot listen on {host}:{port} ({error.strerror});"
            " choose another port with --port, or 0 for any"
        ) from error
    listener.listen(2048)
    return listener


def _bracketed(host: str) -> str:
    """Return a host as URLs write it."""
    return f"[{host}]" if ":" in host else host


def _prepare(settings: Settings) -> None:
    """Bring the database of an embedded service up to date; refuse a stale shared one.

    The lock on the data folder says that nobody else works on an embedded database, so every
    lease found in it belongs to a process that is gone. Replies that it left in the spool count, so
    they are stored first.
    """
    if settings.database_url is not None:
        schema.check(settings.database)
        return
    schema.upgrade(settings.database)
    # Of code between releases there is no upgrade: say so now, not in every answer.
    schema.check(settings.database)
    database = Database.at(settings.database)
    recover(database, settings.spool)
    with database.write.begin() as session:
        rescue.rescue(session, expired_before=None, jitter=0.0, now=utc_now())
        batches.let_all_go(session)
        leases.recall(session, now=utc_now())
        sending.rescue(session, expired_before=None, seed=0.0, now=utc_now())
    database.close()
