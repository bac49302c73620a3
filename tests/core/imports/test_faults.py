import shutil
from pathlib import Path

import pytest

from core.errors import InvalidDataset, NotFound
from core.vocabulary import Modality
from tests import drawn
from tests.importing import Service, draw_faces, faces


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
