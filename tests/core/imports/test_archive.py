import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidArchive
from core.imports.archive import ArchiveLimits, unpacked

Pack = Callable[[Path, dict[str, bytes]], Path]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            _member(archive, name, data)
    return path


def tarred_and_gzipped(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            _member(archive, name, data)
    return path


def _member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


pack = pytest.fixture(params=[zipped, tarred, tarred_and_gzipped], name="pack")(
    lambda request: request.param
)


def test_files_come_out_as_they_went_in(pack: Pack, tmp_path: Path) -> None:
    files = {f"anger/{i}.bin": os.urandom(700 * i) for i in range(5)}
    files["happy/deeper/ä b.bin"] = b""

    with unpacked(pack(tmp_path / "upload", files)) as folder:
        found = {
            p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file()
        }

    assert found == files
    assert not folder.exists()


def test_litter_stays_inside(pack: Pack, tmp_path: Path) -> None:
    litter = {"__MACOSX/a/._1.png": b"x", "a/.DS_Store": b"x", "a/Thumbs.db": b"x", "a/1": b"y"}

    with unpacked(pack(tmp_path / "upload", litter)) as folder:
        assert [p.name for p in folder.rglob("*") if p.is_file()] == ["1"]


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "C:evil", "a/.."]
)
def test_nothing_reaches_outside(pack: Pack, tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "upload", {"a/1.png": b"x", name: b"evil"})

    with pytest.raises(InvalidArchive, match="reaches outside itself"), unpacked(archive):
        pass

    assert not list(tmp_path.parent.rglob("evil"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "upload.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("passwd")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)

    with pytest.raises(InvalidArchive, match="a link or a device: 'passwd'"), unpacked(path):
        pass


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("passwd")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")

    with pytest.raises(InvalidArchive, match="a link or a device"), unpacked(path):
        pass


@pytest.mark.parametrize("compress", [zipped, tarred_and_gzipped])
def test_a_bomb_is_stopped_by_its_ratio(compress: Pack, tmp_path: Path) -> None:
    bomb = compress(tmp_path / "upload", {f"{i}.txt": bytes(1_000_000) for i in range(4)})
    limits = ArchiveLimits(ratio=100, ratio_from=2_000_000)

    with (
        pytest.raises(InvalidArchive, match="more than 100 times its size"),
        unpacked(bomb, limits),
    ):
        pass


def test_a_header_that_understates_the_size_is_not_believed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "upload.zip", {"a.txt": bytes(1_000_000)})
    lie = path.read_bytes().replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(lie)

    with pytest.raises(InvalidArchive), unpacked(path):
        pass


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ArchiveLimits(files=3), "more than 3 files"),
        (ArchiveLimits(total_bytes=2500), "unpacks to more than"),
    ],
)
def test_count_and_size_are_bounded(
    pack: Pack, tmp_path: Path, limits: ArchiveLimits, reason: str
) -> None:
    archive = pack(tmp_path / "upload", {f"{i}.bin": os.urandom(1000) for i in range(4)})

    with pytest.raises(InvalidArchive, match=reason), unpacked(archive, limits):
        pass


def test_a_tar_header_cannot_fill_the_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 3_000_000_000
    path = tmp_path / "upload.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf() + bytes(50_000)))

    with pytest.raises(InvalidArchive, match="header of absurd size"), unpacked(path):
        pass


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload.tar"
    with tarfile.open(path, "w") as archive:
        _member(archive, "a.png", b"1")
        _member(archive, "a.png", b"2")

    with pytest.raises(InvalidArchive, match="two entries of the same name"), unpacked(path):
        pass


def test_a_cut_off_archive_is_refused(pack: Pack, tmp_path: Path) -> None:
    path = pack(tmp_path / "upload", {f"{i}.bin": os.urandom(20_000) for i in range(4)})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 5])

    with pytest.raises(InvalidArchive, match="damaged or cut off"), unpacked(path):
        pass


@pytest.mark.parametrize("data", [b"", b"Rar!\x1a\x07\x00", b"just a text"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "upload.zip"
    path.write_bytes(data)

    with pytest.raises(InvalidArchive, match="neither a zip nor a tar"), unpacked(path):
        pass


@settings(max_examples=60)
@given(st.sampled_from([zipped, tarred, tarred_and_gzipped]), st.data())
def test_damage_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, pack: Pack, data: st.DataObject
) -> None:
    path = pack(tmp_path_factory.mktemp("fuzz") / "upload", {"a/1.txt": b"abc" * 50, "b": b"d"})
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(4, min(1600, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)

    with suppress(InvalidArchive), unpacked(path):
        pass
