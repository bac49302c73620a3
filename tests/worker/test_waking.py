"""Wake-ups by way of a broker: nobody waits for it, and one that is away costs nothing else."""

from pathlib import Path

from pydantic import SecretStr
from structlog.testing import capture_logs

from core.settings import Settings
from tests.e2e.processes import eventually, free_port
from worker.waking import Waker


def test_a_broker_that_is_away_costs_the_wake_up_alone(tmp_path: Path) -> None:
    url = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    waker = Waker(Settings(data=tmp_path, broker_url=url))
    with capture_logs() as lines:
        waker.start()
        for _ in range(2):
            before = len(lines)
            waker.wake()
            eventually(lambda before=before: len(lines) > before, 20)  # type: ignore[misc]
        lives = waker.alive()
        waker.stop()

    assert lives
    assert {line["event"] for line in lines} == {"a wake-up was not sent"}
    assert not waker.alive()
