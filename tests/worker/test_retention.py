"""What a worker lets go of, and when it looks: real database, real folder."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.db import Database, utc_now
from core.media.store import MediaStore
from core.settings import Settings
from core.tables import Attempt, Run, Sample
from tests import rows
from tests.rows import NOW
from worker.retention import LOOK_S, SWEEP_S, Retention

HOUR = timedelta(hours=1)
LATER = NOW + timedelta(days=31)


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(f"file://{tmp_path}/media")


@pytest.fixture
def old(sqlite_database: Database) -> Database:
    """A database with a run that ended at NOW, and one raw answer of it."""
    with sqlite_database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 3), rows.model(session), rows.template(session)
        )
        run = rows.finished(session, job, ["anger"] * 3)
        rows.attempt(session, run, body=b"{}", status=200, headers={})
    return sqlite_database


def retention(database: Database, store: MediaStore, **given: Any) -> Retention:
    return Retention(Settings(**given), database, store)


def bodies(database: Database) -> list[bytes | None]:
    with database.read() as session:
        return list(session.scalars(select(Attempt.body)))


def prepare(store: MediaStore, name: str, size: int, days: float) -> str:
    key = name * 64
    store.put_prepared(key, b"x" * size)
    assert store.folder is not None
    at = (LATER - timedelta(days=days)).timestamp()
    os.utime(store.folder / "prepared" / key[:2] / key[2:], (at, at))
    return key


def test_without_a_setting_everything_is_kept(old: Database, store: MediaStore) -> None:
    key = prepare(store, "a", 10, days=5000)

    retention(old, store).step(now=LATER)

    assert bodies(old) == [b"{}"]
    assert store.get_prepared(key) is not None


def test_raw_answers_go_when_their_days_are_over(old: Database, store: MediaStore) -> None:
    kept = retention(old, store, keep_raw_days=32)
    gone = retention(old, store, keep_raw_days=30)

    kept.step(now=LATER)
    assert bodies(old) == [b"{}"]
    gone.step(now=LATER)
    assert bodies(old) == [None]
    with old.read() as session:
        assert session.scalars(select(Run.raw_dropped).order_by(Run.raw_dropped)).all()[-1] == 1


def test_once_nothing_is_left_it_looks_again_after_a_while(
    old: Database, store: MediaStore
) -> None:
    worker = retention(old, store, keep_raw_days=32)
    worker.step(now=LATER, clock=1000.0)

    worker.step(now=LATER + timedelta(days=2), clock=1000.0 + LOOK_S - 1)
    assert bodies(old) == [b"{}"]
    worker.step(now=LATER + timedelta(days=2), clock=1000.0 + LOOK_S)
    assert bodies(old) == [None]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"prepared_days": 7}, "bc"),
        ({"prepared_gb": 25e-9}, "bc"),
        ({"prepared_gb": 15e-9}, "c"),
        ({"prepared_days": 0.5, "prepared_gb": 1}, ""),
        ({"prepared_gb": 1}, "abc"),
    ],
)
def test_prepared_media_are_bounded_by_age_and_size_and_media_never_touched(
    old: Database, store: MediaStore, given: dict[str, float], left: str
) -> None:
    medium = store.put(b"a medium")
    keys = {name: prepare(store, name, 10, days) for name, days in (("a", 9), ("b", 3), ("c", 1))}

    worker = retention(old, store, **given)
    worker.step(now=LATER, clock=1000.0)

    assert "".join(n for n, k in keys.items() if store.get_prepared(k) is not None) == left
    assert store.get(medium) == b"a medium"
    late = prepare(store, "d", 10, 5000)
    worker.step(now=LATER, clock=1000.0 + SWEEP_S - 1)
    assert store.get_prepared(late) is not None


@pytest.mark.parametrize("kind", ["folder", "objects"])
def test_media_that_no_dataset_names_go_when_their_days_are_over(
    sqlite_database: Database, store: MediaStore, kind: str
) -> None:
    if kind == "objects":
        store = MediaStore(f"memory://{uuid4().hex}")
    named, orphan = store.put(b"named"), store.put(b"of an import that was refused")
    store.put_prepared(orphan, b"prepared")
    name_medium(sqlite_database, named)
    days = timedelta(days=2)

    retention(sqlite_database, store, orphan_days=2).step(now=utc_now() + days - HOUR)
    kept = store.exists(orphan)
    retention(sqlite_database, store).step(now=utc_now() + 50 * days)
    kept_without_a_setting = store.exists(orphan)
    retention(sqlite_database, store, orphan_days=2).step(now=utc_now() + days + HOUR)

    assert (kept, kept_without_a_setting, store.exists(orphan)) == (True, True, False)
    assert store.get(named) == b"named"
    assert store.get_prepared(orphan) == b"prepared"


def test_a_medium_that_is_put_again_is_as_new(sqlite_database: Database, store: MediaStore) -> None:
    orphan = store.put(b"wanted again")
    assert store.local_path(orphan) is not None
    os.utime(str(store.local_path(orphan)), (0, 0))
    store.put(b"wanted again")

    retention(sqlite_database, store, orphan_days=1).step(now=utc_now())

    assert store.exists(orphan)


def test_what_is_put_at_the_very_moment_stays(store: MediaStore) -> None:
    digest = store.put(b"data")

    assert not store.remove_old(digest, before=0.0)
    assert store.get(digest) == b"data"
    assert store.remove_old(digest, before=2**40)
    assert not store.remove_old(digest, before=2**40)


def test_what_a_write_left_behind_goes_too(sqlite_database: Database, store: MediaStore) -> None:
    digest = store.put(b"data")
    name_medium(sqlite_database, digest)
    assert store.folder is not None
    draft = store.folder / digest[:2] / f".{uuid4().hex}"
    draft.write_bytes(b"da")

    retention(sqlite_database, store, orphan_days=1).step(now=utc_now() + timedelta(days=2))

    assert store.exists(digest)
    assert not draft.exists()


def name_medium(database: Database, digest: str) -> None:
    """Let the first sample of a dataset be a medium."""
    ref = {"kind": "image", "digest": digest, "format": "png"}
    with database.write.begin() as session:
        of = rows.dataset(session, 2)
        first = session.scalars(select(Sample).where(Sample.dataset_id == of.id)).first()
        assert first is not None
        first.media = [ref]
