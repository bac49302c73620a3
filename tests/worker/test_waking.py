"""Wake-ups by way of a broker: nobody waits for it, and one that is away costs nothing else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from core.settings import Settings
from tests.e2e.processes import eventually
from worker.waking import Waker


@contextmanager
def waking(folder: Path) -> Iterator[tuple[Waker, socket.socket]]:
    """Run one that wakes by way of a broker which is no more than a socket; it ends when told."""
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.settimeout(30)
        url = SecretStr(f"redis://127.0.0.1:{broker.getsockname()[1]}/0")
        waker = Waker(Settings(data=folder, broker_url=url))
        waker.start()
        yield waker, broker
        waker.stop()
        eventually(lambda: not waker.alive(), 30)


def test_one_that_starts_connects_before_it_is_asked(tmp_path: Path) -> None:
    with waking(tmp_path) as (_, broker):
        broker.accept()[0].close()


def test_a_broker_that_hangs_up_is_tried_again_at_the_next_wake_up(tmp_path: Path) -> None:
    with waking(tmp_path) as (waker, broker):
        for _ in range(3):
            waker.wake()
            broker.accept()[0].close()
        assert waker.alive()
