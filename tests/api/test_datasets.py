"""Datasets over REST."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from core.db import Base, Database
from core.settings import Settings
from tests import drawn
from tests.api.apps import app_of

SPEC = {
    "name": "faces",
    "task": "facial_emotion",
    "modality": "image",
    "labels": ["anger", "happy"],
}
FILES: dict[str, bytes | str] = {
    "anger/1.png": drawn.image(".png", 64, 48, seed=1),
    "happy/2.jpg": drawn.image(".jpg", 32, 32, seed=2),
}
KEY = "a-key-for-the-tests"


def zipped(files: dict[str, bytes | str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def upload(
    client: TestClient,
    files: dict[str, bytes | str] | bytes = FILES,
    spec: dict[str, Any] | str = SPEC,
    filename: str = "faces.zip",
    **fields: str,
) -> Any:
    data = files if isinstance(files, bytes) else zipped(files)
    form = {"spec": spec if isinstance(spec, str) else json.dumps(spec), **fields}
    return client.post("/v1/datasets", data=form, files={"archive": (filename, data)})


@pytest.fixture
def rooted(tmp_path: Path) -> Iterator[TestClient]:
    """A client of a service that may read a folder, and takes small uploads only."""
    settings = Settings(
        data=tmp_path / "data",
        database_url=None,
        broker_url=None,
        media_url=None,
        admin_key=SecretStr(KEY),
        import_roots=(tmp_path / "root",),
        max_upload_gb=0.000_1,
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "root").mkdir()
    database = Database.at(settings.database)
    Base.metadata.create_all(database.engine)
    database.close()
    with TestClient(app_of(settings)) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        yield client


def test_an_archive_becomes_a_dataset(client: TestClient) -> None:
    response = upload(client)

    assert response.status_code == 201, response.text
    made = response.json()
    report = made.pop("report")
    assert report == {
        "samples": 2,
        "error_count": 0,
        "errors": [],
        "warning_count": 0,
        "warnings": [],
    }
    assert response.headers["Location"] == f"/v1/datasets/{made['version']}"
    assert made == client.get("/v1/datasets/faces").json()
    assert made == client.get(f"/v1/datasets/{made['version']}").json()
    assert client.get("/v1/datasets").json() == {"items": [made], "next_cursor": None}
    assert made["version"] == f"faces@{made['digest'][:12]}"
    assert (made["samples"], made["labels"]) == (2, ["anger", "happy"])


def test_the_same_content_again_is_the_same_version(client: TestClient) -> None:
    first = upload(client).json()

    again = upload(client)

    assert again.status_code == 200
    assert again.json()["digest"] == first["digest"]
    assert len(client.get("/v1/datasets").json()["items"]) == 1


def test_samples_are_listed_page_by_page(client: TestClient) -> None:
    upload(client)

    first = client.get("/v1/datasets/faces/samples", params={"limit": 1}).json()
    rest = client.get(
        "/v1/datasets/faces/samples", params={"limit": 1, "cursor": first["next_cursor"]}
    ).json()

    assert [item["name"] for item in first["items"] + rest["items"]] == list(FILES)
    assert rest["next_cursor"] is None
    (medium,) = first["items"][0]["media"]
    assert medium == {
        "kind": "image",
        "format": "png",
        "width": 64,
        "height": 48,
        "size": len(FILES["anger/1.png"]),
        "frames": None,
        "digest": hashlib.sha256(drawn.image(".png", 64, 48, seed=1)).hexdigest(),
    }
    assert first["items"][0]["target"] == "anger"


def test_media_are_served_as_they_are(client: TestClient) -> None:
    upload(client)
    items = client.get("/v1/datasets/faces/samples").json()["items"]

    for item, kind in zip(items, ("image/png", "image/jpeg"), strict=True):
        url = f"/v1/datasets/faces/samples/{item['id']}/media"
        response = client.get(url)
        assert response.content == FILES[item["name"]]
        assert response.headers["Content-Type"] == kind
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "immutable" in response.headers["Cache-Control"]
        again = client.get(url, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_missing_samples_and_media_are_not_found(client: TestClient) -> None:
    upload(client)
    (item, _) = client.get("/v1/datasets/faces/samples").json()["items"]

    for path in (
        "/v1/datasets/none",
        "/v1/datasets/faces@0000",
        "/v1/datasets/none/samples",
        "/v1/datasets/faces/samples/999/media",
        f"/v1/datasets/faces/samples/{item['id']}/media?index=1",
    ):
        response = client.get(path)
        assert response.status_code == 404, path
        assert response.json()["type"] == "/problems/not_found"


def test_every_fault_is_in_the_problem(client: TestClient) -> None:
    faulty = {**FILES, "anger/x.png": "no image", "happy/y.png": drawn.png_header(10_000, 10_000)}

    response = upload(client, faulty)

    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/invalid_dataset"
    assert [fault["path"] for fault in problem["report"]["errors"]] == [
        "anger/x.png",
        "happy/y.png",
    ]
    assert client.get("/v1/datasets").json()["items"] == []


def test_faulty_samples_are_skipped_when_asked(client: TestClient) -> None:
    response = upload(client, {**FILES, "anger/x.png": "no image"}, skip_faulty="true")

    assert response.status_code == 201
    assert response.json()["samples"] == 2
    assert response.json()["report"]["errors"][0]["path"] == "anger/x.png"


def test_labels_and_modality_may_be_left_out(client: TestClient) -> None:
    response = upload(client, spec={"name": "faces", "task": "facial_emotion"})

    assert response.status_code == 201
    assert (response.json()["labels"], response.json()["modality"]) == (["anger", "happy"], "image")


def test_texts_may_come_as_one_file(client: TestClient) -> None:
    spec = {**SPEC, "task": "tweet_sentiment", "modality": "text"}

    response = upload(client, b"text,label\nfine,happy\nugh,anger\n", spec, filename="tweets.csv")

    assert response.status_code == 201, response.text
    assert response.json()["samples"] == 2


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (b"no archive", "invalid_archive"),
        (zipped({"../evil.png": "x"}), "invalid_archive"),
        (zipped(FILES)[:500], "invalid_archive"),
        (zipped({}), "invalid_dataset"),
    ],
)
def test_bad_archives_are_explained(client: TestClient, files: bytes, kind: str) -> None:
    response = upload(client, files)

    assert response.status_code == 422
    assert response.json()["type"] == f"/problems/{kind}"


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ("no json", "/body/spec"),
        ({**SPEC, "name": "My Faces"}, "/body/spec/name"),
        ({**SPEC, "labels": ["one"]}, "/body/spec/labels"),
        ({**SPEC, "lables": []}, "/body/spec/lables"),
    ],
)
def test_a_bad_spec_is_pointed_at(
    client: TestClient, spec: dict[str, Any] | str, pointer: str
) -> None:
    response = upload(client, spec=spec)

    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("label", ["a\0", "a\ud800"])
def test_labels_that_are_no_text_are_refused(client: TestClient, label: str) -> None:
    response = upload(client, spec={**SPEC, "labels": [label, "happy"]})

    assert response.status_code == 422


def test_missing_fields_are_pointed_at(client: TestClient) -> None:
    response = client.post("/v1/datasets", files={"spec": ("x", b"{}")}, data={"skip_faulty": "?"})

    assert response.status_code == 422
    pointers = [fault["pointer"] for fault in response.json()["errors"]]
    assert pointers == ["/body/spec", "/body/archive", "/body/skip_faulty"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/json", 422),
        (b"", "", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
    ],
)
def test_other_bodies_are_explained(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    response = client.post("/v1/datasets", content=content, headers={"Content-Type": kind})

    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_folder_below_an_import_root_is_read(rooted: TestClient, tmp_path: Path) -> None:
    for name, data in FILES.items():
        drawn.write(tmp_path / "root" / "my faces" / name, data)

    source = (tmp_path / "root" / "my faces").as_uri()
    response = rooted.post("/v1/datasets", json={"spec": SPEC, "source": source})

    assert response.status_code == 201, response.text
    assert response.json()["samples"] == 2


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("file:///etc", 403),
        ("file://{root}/../data", 403),
        ("file://{root}/none", 404),
        ("file://elsewhere/x", 422),
        ("s3://bucket/faces", 422),
        ("/etc", 422),
        ("file://[", 422),
    ],
)
def test_other_places_are_not_read(
    rooted: TestClient, tmp_path: Path, source: str, status: int
) -> None:
    source = source.replace("{root}", str(tmp_path / "root"))

    response = rooted.post("/v1/datasets", json={"spec": SPEC, "source": source})

    assert response.status_code == status, response.text


def test_without_import_roots_nothing_is_read(client: TestClient, tmp_path: Path) -> None:
    response = client.post("/v1/datasets", json={"spec": SPEC, "source": tmp_path.as_uri()})

    assert response.status_code == 403
    assert "GERBENCH_IMPORT_ROOTS" in response.json()["detail"]


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_is_bounded_whatever_it_announces(rooted: TestClient, announced: bool) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="archive"; filename="x"\r\n\r\n'
    body += bytes(200_000) + b"\r\n--b--\r\n"
    pieces = (body[at : at + 10_000] for at in range(0, len(body), 10_000))

    response = rooted.post(
        "/v1/datasets",
        content=body if announced else pieces,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )

    assert response.status_code == 413
    assert "GERBENCH_MAX_UPLOAD_GB" in response.json()["detail"]


def test_nothing_is_left_of_an_upload_but_its_media(client: TestClient, settings: Settings) -> None:
    upload(client)

    assert list((settings.data / "scratch").iterdir()) == []


def test_import_roots_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GERBENCH_IMPORT_ROOTS", "/srv/a:/srv/b")

    assert Settings().import_roots == (Path("/srv/a"), Path("/srv/b"))
