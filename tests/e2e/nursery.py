"""Processes that start at once: forked from one that has imported gerbench, and nothing else.

A start is two seconds of imports, and the tests start more than a hundred: a third of the time of
all of them. What is forked here is a process like any other, with its own id, environment and
output, to be signalled and killed; it begins where `python -m gerbench` is once it has imported.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOON_S = 120
OF_THE_INTERPRETER = ("PYTHON", "LD_", "DYLD_")
"""Variables that mean something only to a process that begins from nothing."""


def may_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether a process may be forked; libraries of macOS do not outlive that."""
    own = (name for name, value in environment.items() if os.environ.get(name) != value)
    return sys.platform == "linux" and not any(n.startswith(OF_THE_INTERPRETER) for n in own)


class Child:
    """A forked process, used as one of `subprocess` is."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._over = threading.Event()
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._code

    def wait(self, seconds: float) -> int:
        """Return the exit code. Raises TimeoutExpired."""
        if not self._over.wait(seconds) or self._code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", seconds)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is gone."""
        if self._code is None:
            os.kill(self.pid, number)

    def end(self, code: int) -> None:
        """Note that it has ended."""
        self._code = code
        self._over.set()


class Nursery:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.e2e.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children: dict[int, Child] = {}
        self._born = threading.Condition()
        self._latest: Child | None = None
        threading.Thread(target=self._listen, daemon=True, name="nursery").start()

    def bear(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        """Start `gerbench` with some arguments."""
        assert self._parent.stdin is not None
        log.touch()
        order = {"arguments": arguments, "environment": environment, "log": str(log)}
        with self._born:
            self._latest = None
            print(json.dumps(order), file=self._parent.stdin, flush=True)
            assert self._born.wait_for(lambda: self._latest is not None, SOON_S), "nothing forked"
            assert self._latest is not None
            return self._latest

    def _listen(self) -> None:
        """Learn what is born, and what ends."""
        assert self._parent.stdout is not None
        for line in self._parent.stdout:
            pid, code = json.loads(line)
            with self._born:
                if code is None:
                    self._latest = self._children[pid] = Child(pid)
                    self._born.notify_all()
                else:
                    self._children.pop(pid).end(code)


@cache
def nursery() -> Nursery:
    """Return the nursery of this process; it ends with it."""
    return Nursery()


def _serve() -> dict[str, Any] | None:
    """Fork what is ordered, a line each; tell each birth, and each end with its exit code.

    Returns twice for each order: the order in the child, and in the end None.
    """
    listening, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C reaches all that a terminal runs; who stops these processes is the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        selector.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == listening:
                    os.read(listening, 4096)
                    _tell_of_the_dead()
                elif line := sys.stdin.readline():
                    order: dict[str, Any] = json.loads(line)
                    if not (pid := os.fork()):
                        return order
                    print(json.dumps([pid, None]))
                else:
                    return None


def _tell_of_the_dead() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        print(json.dumps([pid, os.waitstatus_to_exitcode(status)]))


def _become(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    """Have what a process of this name begins with: output, environment, signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["gerbench", *arguments]


if __name__ == "__main__":
    import gc

    gc.disable()
    from gerbench.cli import service as _  # noqa: F401 - what takes two seconds
    from gerbench.cli.main import main

    gc.freeze()
    gc.enable()
    if (ordered := _serve()) is not None:
        _become(**ordered)
        main()
