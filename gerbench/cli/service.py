"""The commands that run processes: `up`, `worker` and `beat`."""

import logging
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from core import logs
from core.settings import Settings
from gerbench.cli.output import screen
from gerbench.service import Service
from worker.process import BeatProcess, WorkerProcess

console = screen()

Data = Annotated[
    Path | None,
    typer.Option(help="Data folder [default: $GERBENCH_DATA, else ./var]", file_okay=False),
]


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
    _log()
    service = Service(settings, host=host, port=port, worker=worker)
    try:
        service.start()
        console.print(f"gerbench listens on {service.url} (documentation: {service.url}/docs)")
        console.print(f"admin key: {settings.data / 'admin.key'}   stop: Ctrl-C")
        wait_for_signal()
    finally:
        service.stop()
    console.print("stopped")


def worker(data: Data = None) -> None:
    """Work on jobs: any number of these may run, on any number of machines."""
    _log()
    process = WorkerProcess(settings_with(data))
    process.start()
    console.print("worker is ready")
    wait_for_signal()
    process.stop()


def beat(data: Data = None) -> None:
    """Send the tick that keeps the queue moving; one is enough, two do no harm."""
    _log()
    process = BeatProcess(settings_with(data))
    process.start()
    console.print("beat is ready")
    wait_for_signal()
    process.stop()


def settings_with(data: Path | None) -> Settings:
    """Return the settings, with the data folder that a flag named."""
    return Settings() if data is None else Settings(data=data)


def wait_for_signal() -> None:
    """Return at the first SIGINT or SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _log() -> None:
    """Send warnings and worse to standard error, whoever has them."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logs.configure()
