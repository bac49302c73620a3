"""The media store in a real object store: what holds of a folder holds there."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from core.errors import NotFound
from core.media.store import MediaStore
from tests.objects import object_store


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with object_store() as store, pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        yield store.url


def test_what_is_put_is_got_by_its_digest_whoever_asks(url: str, tmp_path: Path) -> None:
    store, other = MediaStore(url), MediaStore(url)
    video = tmp_path / "video.mp4"
    video.write_bytes(os.urandom(3 << 20))
    digest = sha256(video.read_bytes()).hexdigest()
    assert not other.exists(digest)

    store.put_file(video, digest)

    assert store.put(b"an image") == sha256(b"an image").hexdigest()
    assert other.exists(digest)
    assert other.get(digest) == video.read_bytes()
    with other.open_local(digest) as path:
        assert path.read_bytes() == video.read_bytes()
    assert other.local_path(digest) is None
    assert other.folder is None


def test_what_is_not_there_is_told(url: str) -> None:
    store = MediaStore(url)

    with pytest.raises(NotFound, match="not in the media store"):
        store.get("0" * 64)
    with pytest.raises(NotFound), store.open_local("0" * 64):
        pass
    assert store.get_prepared("0" * 64) is None
    store.remove_prepared("0" * 64)


def test_what_one_process_removes_another_sees_gone(url: str) -> None:
    store, other = MediaStore(url), MediaStore(url)
    store.put_prepared("a" * 64, b"prepared")
    (file,) = other.prepared()
    assert (file.key, file.size) == ("a" * 64, 8)
    assert file.at > 1_700_000_000

    store.remove_prepared("a" * 64)

    assert list(other.prepared()) == []
    assert other.get_prepared("a" * 64) is None
