"""Answers of analyses that are stored, on each kind of database."""

from collections.abc import Callable
from datetime import timedelta
from importlib.resources import files
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.analyses import kept
from core.analyses.selection import Selection
from core.db import Database
from core.errors import NotFound
from core.rules.states import Status
from core.tables import Job, KeptAnswer, Model, Run, Score
from tests import rows
from tests.core.analyses.conftest import A


@pytest.fixture
def run(database: Database, job: Job) -> Run:
    """A run that completed."""
    with database.write.begin() as session:
        return rows.finished(session, job, [A] * 6)


def key(database: Database, selection: Selection = Selection(), **named: str) -> str | None:  # noqa: B008 - frozen
    with database.read() as session:
        name = named.pop("name", "main")
        release = named.pop("release", kept.RELEASE)
        return kept.key_of(session, selection, name, named, release=release)


def put(database: Database, name: str, body: bytes, second: int = 0, **most: int) -> bool:
    with database.write.begin() as session:
        now = rows.NOW + timedelta(seconds=second)
        return kept.keep(session, name, "main", body, now=now, **most)


def stored(database: Database) -> dict[str, bytes]:
    with database.read() as session:
        return dict(session.execute(select(KeptAnswer.key, KeptAnswer.body)).all())


def test_a_key_is_the_same_for_every_process(
    database: Database, database_url: str, run: Run
) -> None:
    other = Database.at(database_url)

    assert key(database) == key(other)
    assert len(key(database) or "") == 64
    other.close()


def test_another_question_has_another_key(database: Database, run: Run) -> None:
    keys = {
        key(database),
        key(database, name="classes"),
        key(database, name="classes", by="task"),
        key(database, Selection(runs=(run.id,))),
        key(database, Selection(model="local")),
        key(database, release="an older one"),
    }

    assert len(keys) == 6
    assert None not in keys


CHANGES: dict[str, Callable[[Session, Run], object]] = {
    "scored at another time": lambda session, _: session.execute(
        update(Score).values(scored_at=rows.LATER)
    ),
    "scored again": lambda session, run: session.add(
        Score(run_id=run.id, version=2, scored_at=rows.NOW, parser=1, metrics={})
    ),
    "more attempts": lambda session, _: session.execute(update(Run).values(attempts=9)),
    "a late reply": lambda session, _: session.execute(update(Run).values(unknown_attempts=1)),
    "another cost": lambda session, _: session.execute(update(Run).values(cost_nano=1)),
    "more of it lost": lambda session, _: session.execute(update(Run).values(lost_nano=1)),
    "failed": lambda session, run: session.execute(
        update(Run).where(Run.id == run.id).values(status=Status.FAILED)
    ),
    "prices that are known": lambda session, _: session.execute(
        update(Model).values(spec={"prices": {"input_per_mtok": 1.0}})
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_an_answer_is_made_of_changes_its_key(
    database: Database, run: Run, change: Callable[[Session, Run], object]
) -> None:
    named = Selection(runs=(run.id,))
    before = key(database, named)

    with database.write.begin() as session:
        change(session, run)

    assert key(database, named) not in {before, None}


def test_another_run_changes_the_key_of_a_filter_and_not_of_a_name(
    database: Database, job: Job, run: Run
) -> None:
    named = Selection(runs=(run.id,))
    before = key(database), key(database, named)

    with database.write.begin() as session:
        rows.finished(session, job, [A] * 6, repeat=2)

    assert key(database) != before[0]
    assert key(database, named) == before[1]


def test_a_run_that_is_not_over_has_no_answer_to_keep(database: Database, run: Run) -> None:
    named = Selection(runs=(run.id,))
    with database.write.begin() as session:
        session.execute(
            update(Run).where(Run.id == run.id).values(status=Status.RUNNING, finished_at=None)
        )

    assert key(database, named) is None


def test_a_run_without_figures_has_no_answer_to_keep(database: Database, run: Run) -> None:
    with database.write.begin() as session:
        session.execute(delete(Score))

    assert key(database) is None


def test_a_run_that_does_not_exist_is_not_answered_for(database: Database, run: Run) -> None:
    with pytest.raises(NotFound, match="no run"):
        key(database, Selection(runs=(run.id, uuid4())))


def test_an_answer_is_found_under_its_key_alone(database: Database) -> None:
    assert put(database, "one", b"{}")

    with database.read() as session:
        assert kept.find(session, "one") == b"{}"
        assert kept.find(session, "other") is None


def test_the_first_of_two_equal_keys_is_kept(database: Database) -> None:
    put(database, "one", b"first")
    put(database, "one", b"second")

    assert stored(database) == {"one": b"first"}


def test_the_oldest_answers_go_where_there_are_too_many(database: Database) -> None:
    for second, name in enumerate("abcd"):
        put(database, name, b"x", second, max_answers=3)

    assert set(stored(database)) == set("bcd")


def test_the_oldest_answers_go_where_there_are_too_many_bytes(database: Database) -> None:
    for second, (name, size) in enumerate({"a": 10, "b": 30, "c": 25, "d": 30, "e": 30}.items()):
        put(database, name, b"x" * size, second, max_bytes=120)

    assert set(stored(database)) == set("bcde")


def test_an_answer_that_would_push_out_most_others_is_not_kept(database: Database) -> None:
    assert not put(database, "vast", b"x" * 26, max_bytes=100)
    assert put(database, "large", b"x" * 25, max_bytes=100)

    assert set(stored(database)) == {"large"}


def test_processes_that_store_at_once_neither_wait_nor_fail(database: Database) -> None:
    begin, failures = Barrier(4), []

    def store(process: int) -> None:
        begin.wait(10)
        try:
            for second in range(12):
                put(database, f"shared {second}", b"x" * 10, second, max_answers=5)
                put(database, f"{process} {second}", b"x" * 10, second, max_answers=5)
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [Thread(target=store, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    put(database, "last", b"x", 60, max_answers=5)
    assert len(stored(database)) == 5


def test_a_release_is_the_digest_of_its_sources() -> None:
    assert kept._release() == kept.RELEASE
    assert {"statistics.py", "references.json", "kept.py"} <= {
        each.name for each in kept._sources(files("core"))
    }
