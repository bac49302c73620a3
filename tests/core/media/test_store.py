import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from core.errors import NotFound
from core.media.store import MediaStore

DATA = b"some pixels"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["file", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    if request.param == "file":
        return MediaStore(tmp_path.as_uri())
    return MediaStore(f"memory://{uuid4().hex}")


def test_what_is_put_is_found_by_its_digest(any_store: MediaStore) -> None:
    assert not any_store.exists(DIGEST)

    assert any_store.put(DATA) == any_store.put(DATA) == DIGEST

    assert any_store.exists(DIGEST)
    assert any_store.get(DIGEST) == DATA


def test_files_are_put_and_lent(any_store: MediaStore, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(DATA)

    any_store.put_file(path, DIGEST)

    with any_store.open_local(DIGEST) as lent:
        assert lent.read_bytes() == DATA


def test_prepared_bytes_are_apart_from_media(any_store: MediaStore) -> None:
    assert any_store.get_prepared(DIGEST) is None

    any_store.put_prepared(DIGEST, b"smaller")

    assert any_store.get_prepared(DIGEST) == b"smaller"
    assert not any_store.exists(DIGEST)


def test_a_missing_medium_says_what_to_do(any_store: MediaStore) -> None:
    with pytest.raises(NotFound, match="import its dataset again"):
        any_store.get(DIGEST)
    with pytest.raises(NotFound), any_store.open_local(DIGEST):
        pass


def test_a_file_left_short_is_written_again(tmp_path: Path) -> None:
    store = MediaStore(tmp_path.as_uri())
    store.put(DATA)
    (tmp_path / DIGEST[:2] / DIGEST[2:]).write_bytes(b"")

    store.put(DATA)

    assert store.get(DIGEST) == DATA


def test_writers_of_the_same_content_leave_one_file(tmp_path: Path) -> None:
    store = MediaStore(tmp_path.as_uri())

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: store.put(DATA), range(100)))

    assert digests == {DIGEST}
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [DIGEST[2:]]
