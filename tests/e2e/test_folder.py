"""A folder of small grayscale files that the project has never seen: imported and run by hand."""

import json
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import cv2
import pytest

from gerbench.endpoint import LocalEndpoint, rank
from tests.e2e import jobs
from tests.e2e.processes import finished, up

pytestmark = pytest.mark.slow

COUNT = 1000
SIDE = 48


@pytest.fixture
def folder(faces: Path, tmp_path: Path) -> Path:
    """A folder for each class, a thousand PNGs in all; classes are not of equal size."""
    made = tmp_path / "small"
    for name, data in islice(_small(faces), COUNT):
        target = made / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return made


def test_a_thousand_small_grayscale_files_import_and_run(folder: Path, tmp_path: Path) -> None:
    files = {jobs.sha256(file.read_bytes()): file for file in folder.rglob("*.png")}
    with LocalEndpoint() as endpoint, up(tmp_path / "data") as service:
        jobs.name_model(service.client, endpoint.base_url)
        here = ("--data", service.data)
        named = ("--name", "small", "--task", "facial_emotion")
        imported = finished(
            "datasets", "import", folder, *named, *here, "--json", log=tmp_path / "import.log"
        )
        what = ("--dataset", "small", "--model", "local")
        ran = finished("jobs", "submit", *what, "--watch", *here, log=tmp_path / "submit.log")
        (job,) = service.client.items("/v1/jobs")
        predictions = jobs.rows(service.client, job, "predictions")
        images = jobs.images_of(service.client, "small")
        log = endpoint.log

    assert (imported.code, ran.code) == (0, 0), imported.output + ran.output
    dataset = json.loads(imported.output)
    assert (dataset["samples"], dataset["labels"]) == (COUNT, jobs.LABELS)
    assert dataset["modality"] == "image"
    assert (job["status"], job["progress"]["answered"]) == ("completed", COUNT)
    assert {(ref.width, ref.height, ref.format) for ref in images.values()} == {(SIDE, SIDE, "png")}
    assert jobs.paid(log) == dict.fromkeys(files, 1)
    for prediction in predictions[::10]:
        image = files[images[prediction["sample"]["name"]].digest]
        assert prediction["ranked"] == rank(image.read_bytes(), jobs.LABELS)
        assert prediction["sample"]["target"] == image.parent.name


def _small(faces: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the drawn faces, cut and mirrored in eight ways, as small grayscale PNGs."""
    ways = tuple(product((0, 6), (0, 6), (False, True)))
    for file in sorted(faces.rglob("*.jpg")):
        gray = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        for number, (top, left, mirrored) in enumerate(ways):
            cut = gray[top:, left:]
            cut = cv2.flip(cut, 1) if mirrored else cut
            small = cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            _, data = cv2.imencode(".png", small)
            yield f"{file.parent.name}/{file.stem}-{number}.png", data.tobytes()
