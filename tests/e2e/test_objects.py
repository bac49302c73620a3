"""A whole job with its media in an object store."""

import json
from pathlib import Path

import pytest

from gerbench.client import path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import finished, up
from tests.objects import object_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SAMPLES = 7


def test_a_dataset_in_s3_is_imported_asked_about_shown_and_backed_up(tmp_path: Path) -> None:
    draw_faces(tmp_path / "faces", 1)
    with object_store() as store, LocalEndpoint(EndpointOptions()) as endpoint:
        environment = {**store.environment, "GERBENCH_MEDIA_URL": store.url}
        with up(tmp_path / "data", environment=environment) as service:
            client = service.client
            jobs.import_folder(client, tmp_path / "faces")
            jobs.name_model(client, endpoint.base_url)
            # Scaled images are prepared, and what is prepared is kept in the store too.
            job = jobs.submit(client, conditions={"longest_side": [48]})
            job = jobs.ended(client, job)
            sample = next(iter(client.items(path("datasets", "faces", "samples"))))
            shown = client.content(path("datasets", "faces", "samples", sample["id"], "media"))
            digest = sample["media"][0]["digest"]
        log = tmp_path / "command.log"
        backup = ("db", "backup", "--media", "--data", tmp_path / "data", tmp_path / "backup")
        made = finished(*backup, log=log, environment=environment)
        doctor = finished(
            "doctor",
            "--data",
            tmp_path / "data",
            log=tmp_path / "doctor.log",
            environment=environment,
        )

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert jobs.sha256(shown) == digest
    assert not (tmp_path / "data" / "media").exists()
    assert (made.code, doctor.code) == (0, 0), made.output + doctor.output
    assert f"{store.url}: a file was written, read and removed" in doctor.output
    assert "there, of the 1 newest datasets with media" in doctor.output
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    assert manifest["media"]["files"] == SAMPLES


def test_while_the_store_is_away_requests_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    draw_faces(tmp_path / "faces", 1)
    with object_store() as store, LocalEndpoint(EndpointOptions()) as endpoint:
        environment = {**store.environment, "GERBENCH_MEDIA_URL": store.url}
        with up(tmp_path / "data", environment=environment) as service:
            jobs.import_folder(service.client, tmp_path / "faces")
            jobs.name_model(service.client, endpoint.base_url)
            store.stop()
            job = jobs.submit(service.client, batch_size=2)
            service.process.says("a request waits for its media")
            store.start()
            job = jobs.ended(service.client, job)
            requests = jobs.rows(service.client, job, "requests")

    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    assert {(request["attempts"], request["failures"]) for request in requests} == {(1, 0)}
