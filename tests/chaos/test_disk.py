"""A data folder without room: a clear stop, nothing corrupt; with room the work goes on."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from core.db import Database
from core.tables import Attempt
from gerbench.client import ApiProblem, Client, path
from gerbench.endpoint import LocalEndpoint
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import CALLS, SAMPLES, SLOW, begun, rows_of
from tests.chaos.outages import DATABASE_S, PATIENCE_S, last
from tests.e2e import jobs
from tests.e2e.processes import Process, eventually, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = 16 * 1024
"""No file may grow past this: the process's own log stays below, and the database's is larger."""
VOLUME = "24m"


@dataclass
class Disk:
    """Where the data folder is, and how it loses its room."""

    data: Path
    volume: bool
    """Whether it is a small volume of its own; else files of the process are bounded."""

    @property
    def _ballast(self) -> Path:
        return self.data / "ballast"

    def fill(self, process: Process) -> None:
        """Leave no room."""
        if not self.volume:
            limit = (len(process.output) + SMALL, resource.RLIM_INFINITY)
            psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, limit)
            return
        with self._ballast.open("wb", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self, process: Process | None) -> None:
        """Make room again; a process that is gone has none to be made for it."""
        if self.volume:
            self._ballast.unlink()
        elif process is not None:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, unlimited)


@pytest.fixture(params=["files", "volume"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk that can be filled: by bounding files, and as root also by a small volume."""
    data = tmp_path / "data"
    data.mkdir()
    if request.param == "files":
        if sys.platform != "linux":
            pytest.skip("only Linux bounds the files of a process that runs")
        yield Disk(data, volume=False)
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={VOLUME}", "tmpfs", str(data)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small volume, and not everywhere")
    yield Disk(data, volume=True)
    subprocess.run(["umount", str(data)], check=True)


def refused(client: Client) -> bool:
    """Tell whether the API says that the database takes nothing."""
    try:
        jobs.name_model(client, "http://127.0.0.1:9/v1", "another")
    except ApiProblem as problem:
        return problem.type == "/problems/database_away"
    client.delete(path("models", "another"))
    return False


def test_a_full_disk_stops_the_work_until_there_is_room(disk: Disk, few: Path) -> None:
    with (
        LocalEndpoint(SLOW) as endpoint,
        up(disk.data) as service,
        rows_of(service) as database,
    ):
        client, process = service.client, service.process
        jobs.import_folder(client, few)
        job = begun(client, endpoint, "local")
        disk.fill(process)
        eventually(lambda: refused(client), 60)
        process.says("the database is away: nothing is sent until it is back")
        sent = eventually(lambda: (n := len(endpoint.log)) == opened(database) and n, 30)
        last(DATABASE_S)
        stopped = len(endpoint.log)
        disk.free(process)
        job = jobs.ended(client, job, PATIENCE_S)
        job = check(client, job, database, endpoint.log)

    assert stopped == sent < SAMPLES
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert jobs.billed_twice(endpoint.log) == set()


@pytest.mark.parametrize(
    ("disk", "how"),
    [("files", signal.SIGTERM), ("volume", signal.SIGTERM), ("files", signal.SIGKILL)],
    indirect=["disk"],
)
def test_the_next_start_with_room_goes_on_from_a_full_disk(
    disk: Disk, few: Path, how: signal.Signals
) -> None:
    with LocalEndpoint(SLOW) as endpoint:
        with up(disk.data) as service:
            jobs.import_folder(service.client, few)
            job = begun(service.client, endpoint, "local")
            disk.fill(service.process)
            service.process.says("the database is away: nothing is sent until it is back")
            service.process.signal(how)
            code = service.process.wait(20)
        disk.free(None)
        assert sound(disk.data / "gerbench.db")
        with up(disk.data) as service, rows_of(service) as database:
            job = jobs.ended(service.client, job, PATIENCE_S)
            job = check(service.client, job, database, endpoint.log, in_flight=CALLS)

    assert code == (0 if how is signal.SIGTERM else -how)
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)


def opened(database: Database) -> int:
    """Return how many attempts are written, each ahead of its call."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Attempt)) or 0


def sound(file: Path) -> bool:
    """Tell whether SQLite finds nothing wrong with a database."""
    connection = sqlite3.connect(file)
    (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return bool(said == "ok")
