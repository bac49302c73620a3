"""Bad input: each is turned away with a reason that says what to do, and leaves nothing behind."""

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import httpx
import pytest

from gerbench.client import ApiProblem, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Up, finished, up

pytestmark = pytest.mark.slow

PROBLEM = "application/problem+json"
SPEC = {"name": "bad", "task": "facial_emotion", "modality": "image", "labels": ["anger", "fear"]}
VIDEOS = {**SPEC, "modality": "video", "task": "dynamic_facial_emotion"}
MEGAPIXELS = 100
MISSING = "GERBENCH_E2E_KEY_THAT_NOBODY_SET"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("bad") / "data") as service, LocalEndpoint() as endpoint:
        jobs.import_folder(service.client, faces)
        jobs.name_model(service.client, endpoint.base_url)
        yield service


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    """Return one file as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def png(width: int, height: int) -> bytes:
    """Return a black PNG of one bit a pixel: small, however many there are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = bytes((width + 7) // 8 + 1) * height
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def video_without_frames() -> bytes:
    """Return what a recorder leaves that was stopped before the first frame."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.avi"
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
        writer.release()
        return file.read_bytes()


UPLOADS: dict[str, tuple[Json, Callable[[], bytes], str, str]] = {
    "no archive": (SPEC, lambda: b"these are no files", "invalid_archive", "neither a zip nor"),
    "cut off archive": (
        SPEC,
        lambda: zipped({"anger/a.png": png(8, 8)})[:-30],
        "invalid_archive",
        "damaged or cut off",
    ),
    "two dots in a zip": (
        SPEC,
        lambda: zipped({"../anger/a.png": png(8, 8)}),
        "invalid_archive",
        "pack it with relative paths",
    ),
    "two dots in a tar": (
        SPEC,
        lambda: tarred("anger/../../a.png", png(8, 8)),
        "invalid_archive",
        "pack it with relative paths",
    ),
    "zip bomb": (
        SPEC,
        lambda: zipped({"anger/a.png": bytes(80_000_000)}),
        "invalid_archive",
        "zip bomb",
    ),
    "empty dataset": (SPEC, lambda: zipped({"anger/": b""}), "invalid_dataset", "empty"),
    "100 megapixels": (
        SPEC,
        lambda: zipped({"anger/a.png": png(10_000, MEGAPIXELS * 100)}),
        "invalid_dataset",
        "megapixel",
    ),
    "text named png": (
        SPEC,
        lambda: zipped({"anger/a.png": b"hello, I am a text\n"}),
        "invalid_dataset",
        "anger/a.png",
    ),
    "video without frames": (
        VIDEOS,
        lambda: zipped({"anger/a.avi": video_without_frames()}),
        "invalid_dataset",
        "anger/a.avi",
    ),
    "unknown label": (
        SPEC,
        lambda: zipped({"label.csv": b"name,gt\na.png,joy\n", "image/a.png": png(8, 8)}),
        "invalid_dataset",
        "joy",
    ),
}


@pytest.mark.parametrize("case", UPLOADS)
def test_a_bad_dataset_is_refused_with_its_reason_and_nothing_is_imported(
    service: Up, case: str
) -> None:
    spec, archive, kind, words = UPLOADS[case]

    fields, file = {"spec": json.dumps(spec)}, io.BytesIO(archive())
    with pytest.raises(ApiProblem) as refused:
        service.client.upload(path("datasets"), fields, "archive", file)

    problem = refused.value
    assert (problem.status, problem.type) == (422, f"/problems/{kind}"), problem
    assert words in problem.detail
    assert [d["name"] for d in service.client.items(path("datasets"))] == ["faces"]


JOB: Json = {"dataset": "faces", "models": ["local"]}
SUBMISSIONS: dict[str, tuple[Json, int, str, str]] = {
    "unknown dataset": ({"dataset": "nowhere"}, 404, "not_found", "there are faces"),
    "unknown version": ({"dataset": "faces@0000"}, 404, "not_found", "of faces there are faces@"),
    "unknown model": ({"models": ["gpt-9"]}, 404, "not_found", "GET /v1/models lists"),
    "unknown template": (
        {"conditions": {"template": ["poem"]}},
        404,
        "not_found",
        "there are default@1",
    ),
    "batch size 0": ({"batch_size": 0}, 422, "invalid_request", "/body/batch_size"),
    "word nobody knows": ({"batchsize": 5}, 422, "invalid_request", "/body/batchsize"),
    "no model": ({"models": []}, 422, "invalid_request", "/body/models"),
}


@pytest.mark.parametrize("case", SUBMISSIONS)
def test_a_bad_job_is_refused_with_what_to_do(service: Up, case: str) -> None:
    change, status, kind, words = SUBMISSIONS[case]

    with pytest.raises(ApiProblem) as refused:
        service.client.post(path("jobs"), {**JOB, **change})

    problem = refused.value
    assert (problem.status, problem.type) == (status, f"/problems/{kind}")
    assert words in problem.detail


def test_a_body_that_is_not_json_is_refused(service: Up) -> None:
    answer = _post(service, content=b'{"dataset": "faces", ', headers=_bearer(service))

    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert answer.json()["type"] == "/problems/invalid_json"
    assert "correct it" in answer.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer gb_wrong"}])
def test_a_wrong_key_or_none_is_refused(service: Up, headers: dict[str, str]) -> None:
    answer = _post(service, json=JOB, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    assert answer.json()["type"] == "/problems/unauthorized"
    assert "API key" in answer.json()["detail"]


def test_a_second_service_on_the_same_data_folder_is_refused(service: Up, tmp_path: Path) -> None:
    second = finished("up", "--port", 0, "--data", service.data, log=tmp_path / "second.log")

    assert second.code == 1
    said = " ".join(second.output.split())
    assert f"another gerbench at {service.url} (pid {service.process.pid})" in said
    assert "choose another folder with --data" in said
    assert "Traceback" not in said
    assert list(service.client.items(path("models")))


def test_a_taken_port_is_refused(service: Up, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]
    second = finished("up", "--port", port, "--data", tmp_path / "x", log=tmp_path / "second.log")

    assert second.code == 1
    said = " ".join(second.output.split())
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "choose another port with --port" in said
    assert "Traceback" not in said


def test_a_missing_provider_key_pauses_the_run_and_says_what_to_set(service: Up) -> None:
    client = service.client
    with LocalEndpoint() as endpoint:
        keys = [{"env": MISSING}]
        jobs.name_model(client, endpoint.base_url, "keyless", credentials=keys)
        with pytest.raises(ApiProblem) as unchecked:
            client.post(path("models", "keyless", "check"))
        submitted = jobs.submit(client, model="keyless", sample_limit=20)
        job = jobs.stands(client, submitted, "paused", "completed", "failed")
        log = endpoint.log

    assert job["status"] == "paused"
    assert f"set {MISSING} in the environment" in job["reason"]
    assert f"set {MISSING} in the environment" in unchecked.value.detail
    assert (unchecked.value.status, unchecked.value.type) == (422, "/problems/missing_credential")
    assert log == []


def test_a_rejected_provider_key_pauses_the_run_and_resumes_with_a_good_one(service: Up) -> None:
    client = service.client
    with LocalEndpoint(EndpointOptions(api_key=("right",))) as endpoint:
        jobs.name_model(client, endpoint.base_url, "locked")
        job = jobs.stands(client, jobs.submit(client, model="locked", sample_limit=20), "paused")
        calls = len(endpoint.log)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "key"
            file.write_text("right\n")
            client.patch(path("models", "locked"), {"credentials": [{"file": str(file)}]})
            client.post(path("jobs", job["id"], "resume"))
            done = jobs.ended(client, job)

    assert "401" in job["reason"] or "API key" in job["reason"]
    assert calls <= 8
    assert (done["status"], done["progress"]["answered"]) == ("completed", 20)


def _post(service: Up, **options: Any) -> httpx.Response:
    """Send what the client would not."""
    return httpx.post(f"{service.url}/v1/jobs", trust_env=False, timeout=30, **options)


def _bearer(service: Up) -> dict[str, str]:
    key = (service.data / "admin.key").read_text().strip()
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
