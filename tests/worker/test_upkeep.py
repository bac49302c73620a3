import threading

import pytest

from core.db import Database
from tests.e2e.processes import eventually
from worker import upkeep
from worker.upkeep import Upkeep


def test_who_asks_while_another_tidies_does_not_wait_and_is_heard(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def tidy(*_: object, **__: object) -> int:
        begun.append(len(begun))
        assert go_on.wait(30)
        return 1

    monkeypatch.setattr(upkeep, "tidy", tidy)
    tidying = Upkeep(database)
    thread = threading.Thread(target=tidying.tidy)
    thread.start()
    eventually(lambda: begun, 30)
    for _ in range(3):
        tidying.tidy()
    while_at_work = len(begun)
    go_on.set()
    thread.join()

    assert while_at_work == 1
    assert (len(begun), tidying.rescued) == (2, 2)


def test_one_that_failed_is_followed_by_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidying = Upkeep(database)

    def fail(*_: object, **__: object) -> int:
        raise OSError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(upkeep, "tidy", fail)
        with pytest.raises(OSError, match="away"):
            tidying.tidy()
    tidying.tidy()

    assert tidying.rescued == 0
