"""Importing datasets: what is sent, and what is said of faults."""

import io
import json
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.gerbench.cli.canned import Asked, Canned, problem
from tests.gerbench.cli.conftest import Gerbench

MADE = {
    "name": "faces",
    "version": "faces@0123456789ab",
    "samples": 2,
    "modality": "image",
    "labels": ["anger", "[red]"],
}


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder per class, one of them empty, with litter and links in it."""
    folder = tmp_path / "faces"
    for label in ("anger", "happy", "sad"):
        (folder / label).mkdir(parents=True)
    (folder / "anger" / "1.png").write_bytes(b"first")
    (folder / ".DS_Store").write_bytes(b"litter")
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(b"linked")
    (folder / "happy" / "2.png").symlink_to(elsewhere)
    (folder / "happy" / "back").symlink_to(folder)
    return folder


def form(asked: Asked) -> dict[str, bytes]:
    """Return the fields of a multipart form."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, bytes] = {}
    parts: Any = message_from_bytes(head + asked.body).get_payload()
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = part.get_payload(decode=True)
    return fields


def test_a_folder_is_sent_as_one_archive(gerbench: Gerbench, canned: Canned, faces: Path) -> None:
    canned.on("POST", "/v1/datasets", MADE, status=201)

    result = gerbench(
        "datasets", "import", str(faces), "--name", "faces", "--task", "facial_emotion"
    )

    assert result.exit_code == 0, result.stderr
    assert "gerbench jobs submit --dataset faces" in result.stdout
    sent = form(canned.last("POST"))
    assert json.loads(sent["spec"]) == {"name": "faces", "task": "facial_emotion"}
    assert "skip_faulty" not in sent
    with tarfile.open(fileobj=io.BytesIO(sent["archive"])) as archive:
        members = {one.name: one for one in archive.getmembers()}
        assert archive.extractfile("happy/2.png").read() == b"linked"  # type: ignore[union-attr]
    assert list(members) == ["anger", "happy", "sad", "anger/1.png", "happy/back", "happy/2.png"]
    assert all(one.isfile() or one.isdir() for one in members.values())


def test_an_archive_is_sent_as_it_is(gerbench: Gerbench, canned: Canned, tmp_path: Path) -> None:
    canned.on("POST", "/v1/datasets", MADE, status=201)
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("anger/1.png", b"first")

    result = gerbench(
        *("datasets", "import", str(archive), "--name", "faces", "--task", "facial_emotion"),
        *("--labels", "anger, happy", "--modality", "image", "--skip-faulty", "--json"),
    )

    assert json.loads(result.stdout) == MADE
    sent = form(canned.last("POST"))
    assert sent["archive"] == archive.read_bytes()
    assert sent["skip_faulty"] == b"true"
    assert json.loads(sent["spec"]) == {
        "name": "faces",
        "task": "facial_emotion",
        "modality": "image",
        "labels": ["anger", "happy"],
    }


def test_options_win_over_the_spec(
    gerbench: Gerbench, canned: Canned, faces: Path, tmp_path: Path
) -> None:
    canned.on("POST", "/v1/datasets", MADE, status=201)
    spec = tmp_path / "spec.json"
    spec.write_text('{"name": "old", "task": "facial_emotion", "variant": "small"}')

    result = gerbench("datasets", "import", str(faces), "--spec", str(spec), "--name", "faces")

    assert result.exit_code == 0
    assert json.loads(form(canned.last("POST"))["spec"]) == {
        "name": "faces",
        "task": "facial_emotion",
        "variant": "small",
    }


def test_faults_are_listed_and_nothing_is_said_to_be_imported(
    gerbench: Gerbench, canned: Canned, faces: Path
) -> None:
    report = {"errors": [{"path": "sad/", "reason": "is an empty folder"}], "error_count": 1}
    body = problem(422, "invalid_dataset", "nothing was imported: 1 fault", report=report)
    canned.on("POST", "/v1/datasets", body, status=422)

    result = gerbench("datasets", "import", str(faces), "--name", "f", "--task", "facial_emotion")

    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "gerbench: nothing was imported: 1 fault"
    assert any(line.split() == ["sad/", "is", "an", "empty", "folder"] for line in lines)
    assert lines[-1] == "Nothing was imported."


@pytest.mark.parametrize(
    ("args", "missing"),
    [
        (("--task", "facial_emotion"), "--name"),
        (("--name", "faces", "--task", "nonsense"), "nonsense"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(
    gerbench: Gerbench, canned: Canned, faces: Path, args: tuple[str, ...], missing: str
) -> None:
    result = gerbench("datasets", "import", str(faces), *args)

    assert result.exit_code == 2
    assert missing in result.stderr
    assert canned.asked == []


def test_a_path_that_is_not_there_is_wrong_usage(gerbench: Gerbench, canned: Canned) -> None:
    result = gerbench("datasets", "import", "/no/such/folder", "--name", "f")

    assert result.exit_code == 2
    assert canned.asked == []


@pytest.mark.parametrize("text", ["{", "[1]", '"text"'])
def test_a_spec_that_is_no_object_is_wrong_usage(
    gerbench: Gerbench, faces: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "spec.json").write_text(text)

    result = gerbench("datasets", "import", str(faces), "--spec", str(tmp_path / "spec.json"))

    assert result.exit_code == 2


def test_a_dataset_is_shown_field_by_field(gerbench: Gerbench, canned: Canned) -> None:
    canned.on("GET", "/v1/datasets/faces@0123", {**MADE, "scoring": {"headline": "uar"}})

    result = gerbench("datasets", "show", "faces@0123")

    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert {name: value.strip() for name, value in lines.items()} == {
        "name": "faces",
        "version": "faces@0123456789ab",
        "samples": "2",
        "modality": "image",
        "labels": "anger, [red]",
        "scoring.headline": "uar",
    }


def test_what_was_left_out_or_inferred_is_told(
    gerbench: Gerbench, canned: Canned, faces: Path
) -> None:
    report = {
        "errors": [{"path": "sad/", "reason": "is an empty folder"}],
        "warnings": [{"path": "labels", "reason": "were inferred"}],
    }
    canned.on("POST", "/v1/datasets", {**MADE, "report": report}, status=201)

    result = gerbench(
        *("datasets", "import", str(faces), "--name", "faces", "--task", "facial_emotion"),
        "--skip-faulty",
    )

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "faces@0123456789ab: 2 samples of image, labels anger, [red]"
    assert lines[lines.index("Left out:") + 3] == "sad/ is an empty folder"
    assert lines[lines.index("Take a look:") + 3] == "labels were inferred"


def test_a_manifest_of_texts_is_sent_under_its_own_name(
    gerbench: Gerbench, canned: Canned, tmp_path: Path
) -> None:
    canned.on("POST", "/v1/datasets", MADE, status=201)
    manifest = tmp_path / "tweets.csv"
    manifest.write_text("name,text,gt\n1,hello,happy\n")

    gerbench("datasets", "import", str(manifest), "--name", "t", "--task", "tweet_sentiment")

    assert b'filename="tweets.csv"' in canned.last("POST").body
