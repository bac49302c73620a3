"""The commands that run processes: `up`, `worker` and `beat`."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from core import logs
from core.errors import DomainError, InvalidInput, Unauthorized
from core.settings import Settings
from core.traces import of_process
from gerbench.cli.output import screen
from gerbench.service import Service
from worker.process import BeatProcess, WorkerProcess

console = screen()

LOOK_S = 1.0
"""Between looks at whether what runs is still alive."""

Data = Annotated[
    Path | None,
    typer.Option(help="Data folder. Default: GERBENCH_DATA, else ./var.", file_okay=False),
]


class Died(DomainError):
    """What a process is for has ended in it, and the process must not outlive it."""

    code = "died"


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 asks the system for one.")] = 8000,
    data: Data = None,
    worker: Annotated[
        bool, typer.Option(help="Work on jobs in this process too (embedded mode).")
    ] = True,
) -> None:
    """Run the service: the API and, unless --no-worker, the worker and its clock."""
    settings = settings_with(data)
    _log(settings)
    service = Service(settings, host=host, port=port, worker=worker)
    try:
        service.start()
        console.print(f"gerbench listens on {service.url} (documentation: {service.url}/docs)")
        key = "GERBENCH_ADMIN_KEY" if settings.admin_key else settings.data / "admin.key"
        console.print(f"admin key: {key}   stop: Ctrl-C")
        _offer_sign_in(service)
        wait_for_signal(service.alive)
    finally:
        service.stop()
        of_process().close()
    console.print("stopped")


def _offer_sign_in(service: Service) -> None:
    """Print a link that signs a browser in once; whoever revoked the admin's key gets none."""
    try:
        link = service.sign_in_link()
    except Unauthorized:
        console.print(f"open in a browser and sign in with a key: {service.url}")
    else:
        console.print("open in a browser (the link is good once, for an hour):")
        console.print(link, no_wrap=True, overflow="ignore", crop=False)


def worker(data: Data = None) -> None:
    """Work on jobs: any number of these may run, on any number of machines."""
    settings = _shared(data)
    _log(settings)
    process = WorkerProcess(settings)
    process.start()
    console.print("worker is ready")
    try:
        wait_for_signal(process.alive)
    finally:
        process.stop()
        of_process().close()


def beat(data: Data = None) -> None:
    """Send the tick that keeps the queue moving; one is enough, two do no harm."""
    settings = _shared(data)
    _log(settings)
    process = BeatProcess(settings)
    process.start()
    console.print("beat is ready")
    try:
        wait_for_signal(process.alive)
    finally:
        process.stop()


def settings_with(data: Path | None) -> Settings:
    """Return the settings, with the data folder that a flag named."""
    return Settings() if data is None else Settings(data=data)


def _shared(data: Path | None) -> Settings:
    """Return settings that several processes work under. Raises InvalidInput for others."""
    settings = settings_with(data)
    if settings.database_url is None or settings.broker_url is None:
        raise InvalidInput(
            "a worker or a beat of its own shares its database and its broker with the API:"
            " set GERBENCH_DATABASE_URL and GERBENCH_BROKER_URL, or let `gerbench up` do the work"
        )
    return settings


def wait_for_signal(alive: Callable[[], bool]) -> None:
    """Return at the first SIGINT or SIGTERM; exit with 1 if what runs has died by itself.

    A process that lives on without its work would look well to whoever restarts those that fail.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(LOOK_S):
        if not alive():
            raise Died("a part of this process has died, as its log says; start it again")


def _log(settings: Settings) -> None:
    """Send what is logged to standard error, whoever has it."""
    logs.configure(form=settings.logs_as, level=settings.logs_from)
    logs.configure_packages(settings.logs_as)
