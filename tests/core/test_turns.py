"""Turns, and the writers of an SQLite database that take them."""

import threading
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core import db
from core.db import Base, Database, utc_now
from core.tables import ApiKey
from core.tables.teams import DEFAULT_ID
from core.turns import Turns
from core.vocabulary import Role
from tests.e2e.processes import eventually


def standing(turns: Turns, count: int) -> bool:
    return len(turns._line) == count


def test_turns_come_in_the_order_of_asking() -> None:
    turns, order = Turns(), list[int]()
    assert turns.take(1)

    def ask(number: int) -> None:
        assert turns.take(60)
        order.append(number)
        turns.give()

    askers = []
    for number in range(8):
        askers.append(threading.Thread(target=ask, args=(number,)))
        askers[-1].start()
        eventually(partial(standing, turns, number + 1), 60)
    turns.give()
    for asker in askers:
        asker.join()

    assert order == list(range(8))


def test_who_waits_in_vain_leaves_the_line() -> None:
    turns = Turns()
    assert turns.take(1)

    assert not turns.take(0.001)
    turns.give()

    assert turns.take(1)


def key(number: int) -> ApiKey:
    return ApiKey(
        team_id=DEFAULT_ID,
        name="k",
        hash=f"{number:064d}",
        role=Role.VIEWER,
        created_at=utc_now(),
    )


def test_one_who_writes_without_a_pause_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, written, asked_at = threading.Event(), list[int](), list[int]()

    class Counting(Turns):
        """Turns that tell how many were written when one was asked for."""

        def take(self, seconds: float) -> bool:
            if threading.current_thread() is not writer:
                asked_at.append(len(written))
            return super().take(seconds)

    turns = Counting()
    monkeypatch.setattr(db, "Turns", lambda: turns)
    url = f"sqlite:///{tmp_path / 'some.db'}"
    busy, other = Database.at(url), Database.at(url)

    def write_on() -> None:
        while not done.is_set():
            with busy.write.begin() as session:
                session.add(key(len(written)))
                session.flush()
            written.append(1)

    writer = threading.Thread(target=write_on)
    Base.metadata.create_all(busy.engine)
    writer.start()
    eventually(lambda: written, 60)
    for number in range(20):
        with other.write.begin() as session:
            session.add(key(10**9 + number))
            session.flush()
            # At most the one that was under way, and the one that is counted late.
            assert len(written) - asked_at.pop() <= 3
    done.set()
    writer.join()
    busy.close()
    other.close()


def test_a_turn_ends_with_a_transaction_that_fails(tmp_path: Path) -> None:
    database = Database.at(f"sqlite:///{tmp_path / 'some.db'}")
    Base.metadata.create_all(database.engine)

    with pytest.raises(IntegrityError), database.write.begin() as session:
        session.add_all([key(0), key(0)])
    with database.write.begin() as session:
        session.add(key(1))

    with database.read() as session:
        assert session.scalars(select(ApiKey.hash)).all() == [key(1).hash]
    database.close()
