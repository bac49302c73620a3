"""Looking at a job until nothing moves it on any more."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from rich.console import Console
from rich.live import Live

from core.rules.states import Status
from gerbench.cli import progress
from gerbench.client import ApiProblem, Client, Json, NoService, path

INTERVAL = 0.5
LINE_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""How long a service that was there may be gone: long enough to start it again."""
MOVING = frozenset({Status.QUEUED, Status.RUNNING})

Show = Callable[[Json, float | None], None]


def watch(client: Client, job_id: str, console: Console, *, interval: float = INTERVAL) -> Json:
    """Show a job's progress until it has ended or is paused; return it as it then is.

    Live on a terminal; elsewhere a line when its status changes and every few seconds.
    """
    rate = progress.Rate()
    job: Json = {}
    with _live(console) if console.is_terminal else _lines(console) as show:
        for job in _looks(client, job_id, interval):
            show(job, rate.after(progress.ended(job), time.monotonic()))
    return job


def _looks(client: Client, job_id: str, interval: float) -> Iterator[Json]:
    """Yield the job again and again; the last one is one that nothing moves on."""
    heard = None
    while True:
        try:
            job: Json = client.get(path("jobs", job_id))
        except (NoService, ApiProblem) as error:
            passing = heard is not None and time.monotonic() - heard < PATIENCE_SECONDS
            if not passing or not _may_pass(error):
                raise
        else:
            heard = time.monotonic()
            yield job
            if job["status"] not in MOVING:
                return
        time.sleep(interval)


def _may_pass(error: NoService | ApiProblem) -> bool:
    """Tell whether a service that is started again may no longer say so."""
    return isinstance(error, NoService) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@contextmanager
def _live(console: Console) -> Iterator[Show]:
    with Live(console=console, auto_refresh=False) as live:
        yield lambda job, rate: live.update(progress.view(job, rate), refresh=True)


@contextmanager
def _lines(console: Console) -> Iterator[Show]:
    shown_at, shown_status = 0.0, ""

    def show(job: Json, rate: float | None) -> None:
        nonlocal shown_at, shown_status
        now = time.monotonic()
        if job["status"] != shown_status or now - shown_at >= LINE_SECONDS:
            shown_at, shown_status = now, job["status"]
            console.print(progress.line(job, rate))

    yield show
