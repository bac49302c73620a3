"""What the service stores is exactly what the network says of the bytes that were sent."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.media.prepare import prepare
from core.media.store import MediaStore
from core.rules.specs import Condition
from core.settings import Settings
from gerbench.client import path
from gerbench.endpoint import EndpointOptions, LocalEndpoint, rank
from tests.e2e import jobs
from tests.e2e.processes import Up, finished, up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("exact") / "data") as service:
        jobs.import_folder(service.client, faces)
        yield service


def test_every_ranked_list_is_what_the_network_gives_for_the_same_bytes(service: Up) -> None:
    client, media = service.client, MediaStore(Settings(data=service.data).media)
    with LocalEndpoint() as endpoint:
        jobs.name_model(client, endpoint.base_url)
        colors = {"color": ["rgb", "grayscale"]}
        job = jobs.ended(client, jobs.submit(client, batch_size=20, conditions=colors))
        log = endpoint.log

    assert (job["status"], job["progress"]["answered"]) == ("completed", 280)
    images, sent = jobs.images_of(client), []
    for run, body in enumerate(job["runs"]):
        condition = Condition.model_validate(body["condition"])
        ranked = {}
        for name, ref in images.items():
            (picture,) = prepare(media, [ref], condition)
            ranked[name] = ("answered", *_ranked(picture.data))
            sent.append(picture.digest)
        assert jobs.said(jobs.rows(client, job, "predictions", run)) == ranked
    assert jobs.paid(log) == dict.fromkeys(sent, 1)


def test_images_that_need_no_change_are_sent_as_they_were_imported(
    service: Up, faces: Path
) -> None:
    with LocalEndpoint() as endpoint:
        jobs.name_model(service.client, endpoint.base_url, "plain")
        jobs.ended(service.client, jobs.submit(service.client, model="plain", sample_limit=10))
        log = endpoint.log

    drawn = {jobs.sha256(file.read_bytes()) for file in faces.rglob("*.jpg")}
    assert len(jobs.paid(log)) == 10
    assert jobs.paid(log).keys() <= drawn


def test_answers_in_prose_out_of_order_and_in_part_end_in_the_same_predictions(
    service: Up,
) -> None:
    client = service.client
    options = EndpointOptions(
        prose_share=0.5, reorder_share=0.5, missing_share=0.3, wrong_count_share=0.3
    )
    with LocalEndpoint() as straight, LocalEndpoint(options) as crooked:
        jobs.name_model(client, straight.base_url, "straight")
        jobs.name_model(client, crooked.base_url, "crooked")
        body = {"dataset": "faces", "models": ["straight", "crooked"], "batch_size": 10}
        job = jobs.ended(client, client.post(path("jobs"), body))

    assert job["progress"]["answered"] == 280
    plain, odd = (jobs.said(jobs.rows(client, job, "predictions", run)) for run in (0, 1))
    assert odd == plain


def test_the_demo_prints_the_accuracy_that_the_network_gives(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = ("demo", "--data", data, "--port", 0, "--per-class", 10)
    demo = finished(*command, log=tmp_path / "demo.log")

    assert demo.code == 0, demo.output
    with up(data) as service:
        (job,) = service.client.items(path("jobs"))
        predictions = jobs.rows(service.client, job, "predictions")
        images = jobs.images_of(service.client, job["dataset"])
    media = MediaStore(Settings(data=data).media)
    ranked = {name: _ranked(media.get(ref.digest)) for name, ref in images.items()}
    assert {p["sample"]["name"]: (p["label"], p["ranked"]) for p in predictions} == ranked
    hits = sum(p["sample"]["target"] == ranked[p["sample"]["name"]][0] for p in predictions)
    printed = re.search(r"accuracy +([0-9.]+) %", demo.output)
    assert printed is not None, demo.output
    assert (len(predictions), printed[1]) == (70, f"{100 * hits / 70:.2f}")


def _ranked(image: bytes) -> tuple[str, list[str]]:
    """Return the network's first label, and all of them, best first."""
    ranked = rank(image, jobs.LABELS)
    return ranked[0], ranked
