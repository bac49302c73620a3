import json
import shutil
import sqlite3
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from core import datasets
from core.db import Base, Database
from core.errors import InvalidDataset, InvalidInput, NotFound
from core.imports.layouts import DatasetDraft
from core.imports.report import ImportReport
from core.media.refs import from_json
from core.media.store import MediaStore
from core.rules.specs import DatasetSpec
from core.tables import Dataset, Sample
from core.vocabulary import MediaKind, Modality, Task
from tests import drawn

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Service:
    """A database and a media store, and imports into them."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.at(f"sqlite:///{folder / 'test.db'}")
        Base.metadata.create_all(self.database.engine)
        self.store = MediaStore((folder / "store").as_uri())

    def take(
        self,
        source: Path,
        spec: DatasetSpec | DatasetDraft | None = None,
        *,
        now: datetime = NOW,
        skip_faulty: bool = False,
    ) -> tuple[Dataset, ImportReport]:
        with self.database.write.begin() as session:
            return datasets.import_dataset(
                session, self.store, spec or faces(), source, now, skip_faulty=skip_faulty
            )

    def refuse(self, source: Path, spec: DatasetSpec | DatasetDraft | None = None) -> list[str]:
        """The faults for which an import is refused; nothing is left of it."""
        with pytest.raises(InvalidDataset) as refusal:
            self.take(source, spec)
        assert self.count(Dataset) == self.count(Sample) == 0
        report = refusal.value.details["report"]
        json.dumps(report)
        return [f"{fault['path']} {fault['reason']}" for fault in report["errors"]]

    def count(self, table: type[Base]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def samples(self, dataset: Dataset) -> dict[str, Sample]:
        with self.database.read() as session:
            rows = datasets.samples(session, dataset, after=None, limit=10_000).rows
        return {sample.name: sample for sample in rows}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def faces(**values: Any) -> DatasetSpec:
    return DatasetSpec(
        **{
            "name": "faces",
            "task": Task.FACIAL_EMOTION,
            "modality": Modality.IMAGE,
            "labels": ("anger", "happy"),
            **values,
        }
    )


def draw_faces(folder: Path, count: int = 4) -> Path:
    for index in range(count):
        label = ("anger", "happy")[index % 2]
        drawn.write(folder / label / f"{index}.png", drawn.image(".png", seed=index))
    return folder


def test_a_folder_per_label_is_imported(service: Service, folder: Path) -> None:
    dataset, report = service.take(draw_faces(folder))

    assert (report.errors, report.warnings, report.samples) == ([], [], 4)
    assert (dataset.name, dataset.sample_count, dataset.imported_at) == ("faces", 4, NOW)
    assert dataset.spec == faces().model_dump(mode="json")
    samples = service.samples(dataset)
    assert list(samples) == ["anger/0.png", "anger/2.png", "happy/1.png", "happy/3.png"]
    assert [sample.target for sample in samples.values()] == ["anger"] * 2 + ["happy"] * 2
    (ref,) = from_json(samples["anger/0.png"].media)
    assert service.store.get(ref.digest) == (folder / "anger" / "0.png").read_bytes()


def test_the_published_layout_is_imported(service: Service, folder: Path) -> None:
    drawn.write(folder / "label.csv", "name,gt,gpt4v\na.jpg,Anger,\nb.jpg,HAPPY,\n")
    drawn.write(folder / "evoke" / "a.jpg", drawn.image(".jpg", seed=1))
    drawn.write(folder / "evoke" / "b.jpg", drawn.image(".jpg", seed=2))

    samples = service.samples(service.take(folder)[0])

    assert {name: sample.target for name, sample in samples.items()} == {
        "a.jpg": "anger",
        "b.jpg": "happy",
    }


@pytest.mark.parametrize("kept", ["numpy", "text", "column"])
def test_videos_with_texts_and_numbers_are_imported(
    service: Service, folder: Path, kept: str
) -> None:
    drawn.video(folder / "video" / "clip_1.mp4", frames=5)
    drawn.video(folder / "video" / "clip_2.avi", frames=7)
    column = kept == "column"
    header = "name,gt,text" if column else "name,gt,gpt4v"
    text = "so so" if column else ""
    drawn.write(folder / "label.csv", f"{header}\nclip_1,-1.6,{text}\nclip_2,0.0,{text}\n")
    (folder / "text").mkdir()
    for name in () if column else ("clip_1", "clip_2"):
        if kept == "numpy":
            np.save(folder / "text" / name, np.array("so so"))
        else:
            drawn.write(folder / "text" / f"{name}.txt", "so so\n")
    spec = faces(task=Task.MULTIMODAL_EMOTION, modality=Modality.VIDEO_TEXT)

    samples = service.samples(service.take(folder, spec)[0])

    assert [sample.target_number for sample in samples.values()] == [-1.6, 0.0]
    assert [sample.text for sample in samples.values()] == ["so so"] * 2
    media = [from_json(sample.media)[0] for sample in samples.values()]
    assert [(ref.kind, ref.format, ref.frames) for ref in media] == [
        (MediaKind.VIDEO, "mp4", 5),
        (MediaKind.VIDEO, "avi", 7),
    ]


def test_folders_of_frames_are_videos(service: Service, folder: Path) -> None:
    for index in (1, 2, 10):
        drawn.write(folder / "video" / "1" / f"{index}.jpg", drawn.image(".jpg", seed=index))
    drawn.write(folder / "label.csv", "name,gt\n1,happy\n")

    samples = service.samples(service.take(folder, faces(modality=Modality.VIDEO))[0])

    media = from_json(samples["1"].media)
    assert {ref.kind for ref in media} == {MediaKind.FRAMES}
    files = [folder / "video" / "1" / f"{index}.jpg" for index in (1, 2, 10)]
    assert [service.store.get(ref.digest) for ref in media] == [f.read_bytes() for f in files]


def test_lines_of_json_are_a_manifest(service: Service, folder: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "first", "path": "x/a.png", "emotion": "Happy", "text": "look", "age": 4},
        {"Name": "second", "path": "x/b.png", "emotion": "anger", "text": "at this"},
    ]
    drawn.write(folder / "data.jsonl", "\n".join(json.dumps(row) for row in rows) + "\n\n")
    drawn.write(folder / "x" / "a.png", drawn.image(seed=1))
    drawn.write(folder / "x" / "b.png", drawn.image(seed=2))

    samples = service.samples(service.take(folder, faces(modality=Modality.IMAGE_TEXT))[0])

    assert {s.name: (s.target, s.text) for s in samples.values()} == {
        "first": ("happy", "look"),
        "second": ("anger", "at this"),
    }


def test_tweets_need_no_names(service: Service, folder: Path) -> None:
    path = drawn.write(folder / "tweets.csv", 'text,label\n"fine, thanks",happy\nugh,anger\n')
    spec = faces(modality=Modality.TEXT, task=Task.TWEET_SENTIMENT)

    samples = service.samples(service.take(path, spec)[0])

    assert {s.name: s.text for s in samples.values()} == {"line-2": "fine, thanks", "line-3": "ugh"}


@pytest.mark.parametrize("wrapped", [True, False])
def test_an_archive_is_imported_like_its_folder(
    service: Service, folder: Path, tmp_path: Path, wrapped: bool
) -> None:
    draw_faces(folder)
    archive = shutil.make_archive(
        str(tmp_path / "faces"),
        "gztar",
        tmp_path if wrapped else folder,
        "source" if wrapped else ".",
    )

    from_archive, _ = service.take(Path(archive))
    from_folder, _ = service.take(folder)

    assert from_archive.id == from_folder.id


@pytest.mark.parametrize(
    ("files", "modality"),
    [
        ({"a/1.png": drawn.image(), "B/2.png": drawn.image(seed=1)}, Modality.IMAGE),
        ({"a/1.txt": "x", "B/2.txt": "y"}, Modality.TEXT),
        (
            {
                "a/1.png": drawn.image(),
                "a/1.txt": "x",
                "B/2.png": drawn.image(seed=1),
                "B/2.txt": "x",
            },
            Modality.IMAGE_TEXT,
        ),
        ({"a/1/1.png": drawn.image(), "B/2/1.png": drawn.image(seed=1)}, Modality.VIDEO),
        ({"x.csv": "text,label\none,a\ntwo,B\n"}, Modality.TEXT),
        (
            {
                "x.csv": "name,gt\n1,a\n2,B\n",
                "image/1.png": drawn.image(),
                "image/2.png": drawn.image(seed=1),
            },
            Modality.IMAGE,
        ),
    ],
)
def test_what_a_spec_leaves_open_is_inferred(
    service: Service, folder: Path, files: dict[str, bytes | str], modality: Modality
) -> None:
    for name, data in files.items():
        drawn.write(folder / name, data)

    dataset, report = service.take(folder, DatasetDraft(name="x", task=Task.FACIAL_EMOTION))

    assert dataset.modality is modality
    assert dataset.spec["labels"] == ["B", "a"]
    assert [str(fault) for fault in report.warnings] == [
        "labels were inferred: B, a",
        f"modality was inferred: {modality}",
    ]


def test_every_fault_is_reported_at_once_and_nothing_is_imported(
    service: Service, folder: Path
) -> None:
    draw_faces(folder, 2)
    drawn.write(folder / "anger" / "cut.jpg", drawn.image(".jpg")[:700])
    drawn.write(folder / "anger" / "empty.png", b"")
    drawn.write(folder / "anger" / "huge.png", drawn.png_header(10_000, 10_000))
    drawn.write(folder / "happy" / "note.png", "happy")
    drawn.write(folder / "hapy" / "1.png", drawn.image())
    drawn.write(folder / "anger" / ".DS_Store", b"x")
    (folder / "happy" / "link.png").symlink_to("/etc/hostname")
    (folder / "happy" / "nothing").mkdir()

    faults = service.refuse(folder)

    assert [fault.split(":")[0] for fault in faults] == [
        "anger/cut.jpg is cut off or damaged",
        "anger/empty.png is empty",
        "anger/huge.png is 10000 by 10000, 100 megapixels",
        "happy/link.png is a link that leads out of the dataset's folder",
        "happy/note.png is not a JPEG, PNG, WebP or BMP image",
        "happy/nothing/ is an empty folder",
        "hapy/ is a folder, but no label",
    ]


def test_faults_of_a_manifest_name_the_line(service: Service, folder: Path) -> None:
    drawn.write(folder / "image" / "a.png", drawn.image())
    drawn.write(folder / "image" / "b.png", drawn.image(seed=1)[:100])
    rows = ["a.png,happy", "a.png,happy", "b.png,anger", "c.png,anger", "a.png,hapy", ",anger"]
    drawn.write(folder / "label.csv", "\n".join(["name,gt", *rows, "../x.png,anger", "d.png"]))

    faults = service.refuse(folder)

    assert faults == [
        "label.csv:3 has the same name as label.csv:2: a.png",
        "label.csv:4 (image/b.png) is cut off or damaged: it cannot be decoded to its end",
        "label.csv:5 (c.png) has no file in the dataset's folder or its image/",
        "label.csv:6 has the label 'hapy', which is not one of anger, happy",
        (
            "label.csv:7 has no name: fill one of "
            "name, id, file, path, filename, file_name, image, video"
        ),
        "label.csv:8 (../x.png) points outside the dataset's folder",
        "label.csv:9 (d.png) has no file in the dataset's folder or its image/",
    ]


def test_the_same_medium_with_two_labels_is_an_error_that_names_both(
    service: Service, folder: Path
) -> None:
    draw_faces(folder, 2)
    shutil.copy(folder / "anger" / "0.png", folder / "happy" / "again.png")

    assert service.refuse(folder) == [
        "anger/0.png, happy/again.png are the same medium, labelled anger, happy"
    ]


def test_the_same_medium_with_one_label_is_a_warning(service: Service, folder: Path) -> None:
    draw_faces(folder, 2)
    shutil.copy(folder / "anger" / "0.png", folder / "anger" / "again.png")

    _, report = service.take(folder)

    assert report.samples == 3
    assert [str(fault) for fault in report.warnings] == [
        "anger/0.png, anger/again.png are the same medium, labelled anger, anger"
    ]


def test_faulty_samples_can_be_left_out(service: Service, folder: Path) -> None:
    draw_faces(folder, 4)
    drawn.write(folder / "happy" / "note.png", "happy")
    shutil.copy(folder / "anger" / "0.png", folder / "happy" / "again.png")

    dataset, report = service.take(folder, skip_faulty=True)

    assert list(service.samples(dataset)) == ["anger/2.png", "happy/1.png", "happy/3.png"]
    assert (report.error_count, report.samples, dataset.sample_count) == (2, 3, 3)


def test_nothing_but_faulty_samples_is_no_dataset(service: Service, folder: Path) -> None:
    drawn.write(folder / "happy" / "note.png", "happy")
    drawn.write(folder / "anger" / "note.png", "anger")

    with pytest.raises(InvalidDataset, match=r"2 faults, the first: anger/note\.png is not a"):
        service.take(folder, skip_faulty=True)


def test_a_label_without_samples_is_a_warning(service: Service, folder: Path) -> None:
    _, report = service.take(draw_faces(folder), faces(labels=("anger", "happy", "fear")))

    assert [str(fault) for fault in report.warnings] == ["fear is a label that no sample has"]


def test_labels_and_numbers_do_not_mix(service: Service, folder: Path) -> None:
    drawn.write(folder / "x.csv", "text,gt\na,happy\nb,1.5\n")

    faults = service.refuse(folder, faces(modality=Modality.TEXT))

    assert faults == ["targets are labels in 1 samples and numbers in 1: use one kind"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "the dataset is empty"),
        ({".DS_Store": ""}, "the dataset is empty"),
        ({"label.csv": "name,gt\n"}, "the dataset is empty"),
        ({"label.csv": ""}, "none of the columns label, gt, target, emotion"),
        ({"label.csv": "a.png,happy\n"}, "none of the columns"),
        ({"label.csv": b"name,gt\n\xff,happy\n"}, "not UTF-8"),
        ({"a.csv": "name,gt\n", "b.csv": "name,gt\n"}, "which manifest is meant: a.csv, b.csv"),
        ({"a.png": "x", "b.png": "y"}, "no manifest .* and no folder for each label"),
        ({"image/a.png": "x", "text/a.txt": "y"}, "no manifest that labels them"),
    ],
)
def test_what_is_no_dataset_is_explained(
    service: Service, folder: Path, files: dict[str, bytes | str], reason: str
) -> None:
    for name, data in files.items():
        drawn.write(folder / name, data)

    with pytest.raises(InvalidDataset, match=reason):
        service.take(folder)


def test_a_source_that_is_not_there_is_not_found(service: Service, folder: Path) -> None:
    with pytest.raises(NotFound, match="there is nothing at"):
        service.take(folder / "none.zip")


def test_broken_lines_of_json_are_faults(service: Service, folder: Path) -> None:
    lines = [
        '{"name": "a", "text": "x", "gt": "happy"}',
        "{",
        "[1]",
        '{"text": "\\ud800", "gt": "happy"}',
    ]
    drawn.write(folder / "x.jsonl", "\n".join(lines))

    assert service.refuse(folder, faces(modality=Modality.TEXT)) == [
        "x.jsonl:2 is not JSON",
        "x.jsonl:3 is JSON, but not an object",
        "x.jsonl:4 has a character that is no text (NUL or half of a surrogate pair)",
    ]


def test_an_image_where_a_video_belongs_is_a_fault(service: Service, folder: Path) -> None:
    drawn.write(folder / "happy" / "a.mp4", drawn.image(".jpg"))
    drawn.write(folder / "anger" / "b.mp4", drawn.video(folder.parent / "b.mp4", 0).read_bytes())

    faults = service.refuse(folder, faces(modality=Modality.VIDEO))

    assert faults == [
        "anger/b.mp4 has no frames that can be read: it is empty, cut off or damaged",
        (
            "happy/a.mp4 is not an MP4, MOV, AVI, MKV or WebM video: "
            "it is a JPEG although its name ends in .mp4"
        ),
    ]


def test_a_text_without_its_video_is_a_fault(service: Service, folder: Path) -> None:
    drawn.write(folder / "happy" / "a.txt", "a")
    drawn.video(folder / "anger" / "b.mp4")

    assert service.refuse(folder, faces(modality=Modality.VIDEO_TEXT)) == [
        "anger/b.mp4 has no b.txt or b.npy beside it",
        "happy/a.txt is a text with no medium beside it",
    ]


def test_the_same_content_twice_is_one_version(service: Service, folder: Path) -> None:
    later = NOW + timedelta(days=1)
    first, _ = service.take(draw_faces(folder))

    again, report = service.take(folder, now=later)

    assert (again.id, again.imported_at) == (first.id, later)
    assert report.samples == 4
    assert (service.count(Dataset), service.count(Sample)) == (1, 4)


@pytest.mark.parametrize("change", ["medium", "label", "name", "spec"])
def test_any_change_is_another_version(service: Service, folder: Path, change: str) -> None:
    first, _ = service.take(draw_faces(folder))
    spec = faces()
    if change == "medium":
        drawn.write(folder / "anger" / "0.png", drawn.image(seed=99))
    elif change == "label":
        (folder / "anger" / "0.png").rename(folder / "happy" / "0.png")
    elif change == "name":
        (folder / "anger" / "0.png").rename(folder / "anger" / "zero.png")
    else:
        spec = faces(variant="small")

    second, _ = service.take(folder, spec)

    assert second.digest != first.digest
    assert service.count(Dataset) == 2


def test_the_order_of_a_manifest_does_not_matter(service: Service, folder: Path) -> None:
    spec = faces(modality=Modality.TEXT)
    one = drawn.write(folder / "1" / "x.csv", "name,text,gt\na,x,happy\nb,y,anger\n")
    two = drawn.write(folder / "2" / "y.csv", "gt,name,text\nANGER,b,y\nhappy,a,x\n")

    assert service.take(one, spec)[0].id == service.take(two, spec)[0].id


def test_versions_are_found_by_name_and_digest(service: Service, folder: Path) -> None:
    first, _ = service.take(draw_faces(folder, 2))
    second, _ = service.take(draw_faces(folder, 4), now=NOW + timedelta(hours=1))

    with service.database.read() as session:
        assert datasets.get(session, "faces").id == second.id
        assert datasets.get(session, f"faces@{first.digest[:8]}").id == first.id
        assert datasets.get(session, f"faces@{first.digest.upper()}").id == first.id
        for unknown in ("faces@0000000000", "faces@%", "faces@_"):
            with pytest.raises(NotFound, match=f"of faces there are faces@{second.digest[:12]}"):
                datasets.get(session, unknown)
        with pytest.raises(NotFound, match="there is no dataset 'fases'; there are faces"):
            datasets.get(session, "fases")


def test_before_the_first_import_nothing_is_found(service: Service) -> None:
    with (
        service.database.read() as session,
        pytest.raises(NotFound, match="none has been imported"),
    ):
        datasets.get(session, "faces")


def test_a_digest_too_short_to_tell_versions_apart_is_refused(
    service: Service, folder: Path
) -> None:
    with service.database.write.begin() as session:
        for digest in ("ab" + "0" * 62, "ab" + "1" * 62):
            spec = faces().model_dump(mode="json")
            session.add(
                Dataset(
                    name="faces",
                    digest=digest,
                    task=Task.FACIAL_EMOTION,
                    modality=Modality.IMAGE,
                    spec=spec,
                    sample_count=1,
                )
            )

    with service.database.read() as session, pytest.raises(InvalidInput, match="give more digits"):
        datasets.get(session, "faces@ab")


def test_lists_go_on_where_they_ended(service: Service, folder: Path) -> None:
    for count in (2, 4, 6):
        service.take(draw_faces(folder, count))

    with service.database.read() as session:
        first = datasets.page(session, after=None, limit=2)
        rest = datasets.page(session, after=first.next_key, limit=2)
        assert (len(first.rows), len(rest.rows), rest.next_key) == (2, 1, None)
        dataset = max([*first.rows, *rest.rows], key=lambda dataset: dataset.sample_count)
        some = datasets.samples(session, dataset, after=None, limit=4)
        others = datasets.samples(session, dataset, after=some.next_key, limit=4)
        names = [sample.name for sample in [*some.rows, *others.rows]]
        assert names == sorted(names)
        assert len(names) == 6


def test_media_of_a_sample(service: Service, folder: Path) -> None:
    dataset, _ = service.take(draw_faces(folder))
    sample = service.samples(dataset)["happy/1.png"]

    with service.database.read() as session:
        ref = datasets.sample_media(session, dataset, sample.id)
        assert service.store.get(ref.digest) == (folder / "happy" / "1.png").read_bytes()
        with pytest.raises(NotFound, match="has 1 media"):
            datasets.sample_media(session, dataset, sample.id, 1)
        with pytest.raises(NotFound, match="has no sample 99"):
            datasets.sample_media(session, dataset, 99)


def test_no_transaction_is_open_while_files_are_checked(
    service: Service, folder: Path, tmp_path: Path
) -> None:
    draw_faces(folder)

    class Watched(MediaStore):
        def put(self, data: bytes) -> str:
            other = sqlite3.connect(tmp_path / "test.db", timeout=5, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.rollback()
            other.close()
            return super().put(data)

    service.store = Watched((tmp_path / "store").as_uri())

    service.take(folder)

    assert service.count(Sample) == 4


def test_a_thousand_faces_take_seconds(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(1000):
            data = drawn.image(".png", 48, 48, seed=index, gray=True)
            archive.writestr(f"{('anger', 'happy')[index % 2]}/{index}.png", data)

    started = time.process_time()
    dataset, _ = service.take(path)

    assert dataset.sample_count == 1000
    assert time.process_time() - started < 3


def test_memory_does_not_grow_with_the_samples(service: Service, folder: Path) -> None:
    peaks = []
    for count in (3_000, 9_000):
        path = folder / f"{count}.csv"
        with path.open("w") as file:
            file.write("name,text,gt\n")
            file.writelines(f"{i},tweet number {i} {'x' * 200},happy\n" for i in range(count))
        tracemalloc.start()
        service.take(path, faces(modality=Modality.TEXT))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.3
