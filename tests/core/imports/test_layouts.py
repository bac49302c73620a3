import json
import shutil
import sqlite3
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.imports.layouts import DatasetDraft
from core.media.refs import from_json
from core.media.store import MediaStore
from core.tables import Sample
from core.vocabulary import MediaKind, Modality, Task
from tests import drawn
from tests.importing import NOW, Service, draw_faces, faces


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
    spec = faces(
        task=Task.MULTIMODAL_EMOTION,
        modality=Modality.VIDEO_TEXT,
        scoring={"target": "sign", "map": {"anger": "negative", "happy": "positive"}},
    )

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
    for count in (6_000, 18_000):
        path = folder / f"{count}.csv"
        with path.open("w") as file:
            file.write("name,text,gt\n")
            file.writelines(f"{i},tweet number {i} {'x' * 200},happy\n" for i in range(count))
        tracemalloc.start()
        service.take(path, faces(modality=Modality.TEXT))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.3


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
