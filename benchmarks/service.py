"""A real `gerbench up` in a process of its own, for benchmarks to measure from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from gerbench.client import Client, connect
from gerbench.folder import find

POLL_S = 0.01
START_S, STOP_S = 60.0, 30.0


@dataclass(frozen=True)
class Up:
    """A service that runs."""

    pid: int
    client: Client
    ready_s: float
    """From its start to the first 200 of `/health`."""

    def cpu_s(self) -> float:
        """Return the CPU seconds that the process has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        """Return the most memory that the process has held so far."""
        return peak_mb(self.pid)


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has held so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e3


@contextmanager
def up(data: Path) -> Iterator[Up]:
    """Run the embedded service on a data folder."""
    began = time.perf_counter()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GERBENCH_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "gerbench", "up", "--port", "0", "--data", str(data)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        _await_health(process, data, began + START_S)
        ready = time.perf_counter() - began
        with connect(data) as client:
            yield Up(process.pid, client, ready)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)


def _await_health(process: "subprocess.Popen[bytes]", data: Path, until: float) -> None:
    """Return once the service answers."""
    while time.perf_counter() < until:
        found = find(data)
        if found and found["pid"] == process.pid:
            httpx.get(f"{found['url']}/health").raise_for_status()
            return
        if process.poll() is not None:
            break
        time.sleep(POLL_S)
    raise SystemExit("the service did not start; its log is above")
