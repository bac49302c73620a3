"""Real processes of gerbench: started, watched and ended by their own id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from gerbench.client import Client, Json, connect
from gerbench.folder import find
from tests.e2e.nursery import Child, may_fork, nursery

ROOT = Path(__file__).parents[2]
POLL_S = 0.05
START_S = 60
STOP_S = 20
FOREIGN = ("GERBENCH_", "OPENAI_", "MODEL", "PYTHONDONTWRITEBYTECODE")
"""What a developer's shell may hold and a test must not see; the last would have each process
compile every package anew, which takes longer than most tests."""

LAUNCHER = "THROUGH"
"""In a process's environment: the module to start instead of gerbench, which then runs it."""

STARTED: list["Process"] = []
"""Those of the tests so far, for the report of one that fails."""

T = TypeVar("T")


def eventually(
    condition: Callable[[], T | None], seconds: float, told: Callable[[], object] = str
) -> T:
    """Return the first true value of a condition; fail when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {value} {told()}"
        time.sleep(POLL_S)
    return value


def free_port() -> int:
    """Return a port that nobody has, from those that the system gives away at random."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
    return port


class Process:
    """`python -m gerbench …` with its output in a file; through another module if one is named."""

    def __init__(
        self,
        *arguments: object,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.arguments = [str(argument) for argument in arguments]
        through = environment.get(LAUNCHER, "gerbench") if environment else "gerbench"
        self._path = log
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        self._popen = self._started(through, {**inherited, **(environment or {})})
        STARTED.append(self)

    def _started(
        self, through: str, environment: dict[str, str]
    ) -> subprocess.Popen[bytes] | Child:
        if through == "gerbench" and may_fork(environment):
            return nursery().bear(self.arguments, environment, self._path)
        with self._path.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", through, *self.arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for nothing."""
        self._popen.send_signal(number)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        return self._path.read_text(errors="replace")

    @property
    def code(self) -> int | None:
        return self._popen.poll()

    def says(self, words: str, seconds: float = START_S) -> None:
        """Wait until it prints some words."""
        eventually(lambda: words in self.output or self.code is not None, seconds)
        assert words in self.output, f"{self.arguments} exited with {self.code}:\n{self.output}"

    def wait(self, seconds: float) -> int:
        """Return the exit code."""
        return self._popen.wait(seconds)

    def kill(self) -> None:
        """End it as a power failure would: no handler runs."""
        self._popen.send_signal(signal.SIGKILL)
        self._popen.wait(STOP_S)

    def terminate(self) -> tuple[int, float]:
        """Ask it to stop; return the exit code and the seconds it took."""
        began = time.monotonic()
        self._popen.send_signal(signal.SIGTERM)
        return self._popen.wait(STOP_S), time.monotonic() - began

    def end(self) -> None:
        """See to it that it is gone."""
        if self.code is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def running(
    *arguments: object, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a command for as long as it is needed."""
    process = Process(*arguments, log=log, environment=environment)
    try:
        yield process
    finally:
        process.end()


class Up:
    """`gerbench up` on a data folder, and a client of it."""

    def __init__(self, data: Path, process: Process, key: str | None) -> None:
        self.data = data
        self.process = process
        self.url = str(eventually(self._announced, START_S, lambda: process.output)["url"])
        self.client = connect(data) if key is None else Client(self.url, key)

    def _announced(self) -> Json | None:
        """Return what this very process announced; a killed one leaves its own behind."""
        assert self.process.code is None, self.process.output
        found = find(self.data)
        return found if found and found["pid"] == self.process.pid else None


@contextmanager
def up(
    data: Path,
    *arguments: object,
    key: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Up]:
    """Run the service on a folder, with a client that has the key given, else the folder's own."""
    data.mkdir(exist_ok=True)
    log = data.with_name(f"{data.name}.log")
    command = ("up", "--port", 0, "--data", data, *arguments)
    with running(*command, log=log, environment=environment) as process:
        service = Up(data, process, key)
        with service.client:
            yield service


def finished(
    *arguments: object, log: Path, environment: Mapping[str, str] | None = None, seconds: float = 60
) -> Process:
    """Run a command to its end."""
    with running(*arguments, log=log, environment=environment) as process:
        process.wait(seconds)
    return process
