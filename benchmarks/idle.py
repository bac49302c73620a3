"""What an embedded service costs that has nothing to do, and how soon it is ready.

Run as `python -m benchmarks.idle [--seconds S]` from the root. The service is a real `gerbench up`
on a new data folder; its CPU is what the kernel counts for the process.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.service import up

SETTLES_S = 5.0
"""Before the count begins: a start does work that idling does not."""

SLOW_START_S = 3.0
IDLE_PERCENT = 1.0
SHOWN = 12
"""Imports listed where the start is slow."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, of user and kernel."""
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def imports() -> Iterator[tuple[float, str]]:
    """Yield the seconds of each package that `gerbench up` imports, with all that it imports."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import gerbench.cli.service"],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in ran.stderr.splitlines():
        _, whole, name = line.removeprefix("import time:").split("|")
        if whole.strip().isdigit():
            yield int(whole) / 1e6, name.strip()


def main() -> None:
    """Start a service twice, the second time watch it idle, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of idling")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with up(Path(folder) / "data") as service:
            first = service.ready_s, cpu_seconds(service.pid)
        with up(Path(folder) / "data") as service:
            again = service.ready_s, cpu_seconds(service.pid)
            time.sleep(SETTLES_S)
            before, began = cpu_seconds(service.pid), time.perf_counter()
            time.sleep(arguments.seconds)
            used, passed = cpu_seconds(service.pid) - before, time.perf_counter() - began
            memory = service.peak_mb()
    for name, (ready, busy) in (("on a new folder", first), ("again", again)):
        print(f"ready {name}: {ready:.2f} s, {busy:.2f} s CPU; wanted < {SLOW_START_S:g} s")
    print(f"idle: {used / passed:.2%} of a CPU over {passed:.0f} s; wanted < {IDLE_PERCENT:g} %")
    print(f"memory: {memory:.0f} MB at most")
    if again[0] > SLOW_START_S:
        print("the slowest imports, each with what it imports:")
        for seconds, name in sorted(imports(), reverse=True)[:SHOWN]:
            print(f"  {seconds:6.2f} s  {name}")


if __name__ == "__main__":
    main()
