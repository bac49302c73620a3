"""What happens to a job is told by the service as it is run, a kill in between included."""

import hmac
import threading
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from gerbench.client import Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import eventually, up
from tests.receivers import answers, hangs, receiving

pytestmark = pytest.mark.slow


def test_a_message_on_its_way_in_a_kill_arrives_after_the_next_start(
    tmp_path: Path, faces: Path
) -> None:
    killed = threading.Event()
    with (
        LocalEndpoint(EndpointOptions()) as endpoint,
        receiving(hangs(killed), answers(204)) as receiver,
    ):
        with up(tmp_path / "data") as service:
            secret = service.client.post(path("webhooks", "jobs", "secret"))["secret"]
            jobs.import_folder(service.client, faces)
            jobs.name_model(service.client, endpoint.base_url)
            job = jobs.submit(service.client, sample_limit=5, webhook_url=receiver.url)
            eventually(lambda: receiver.told, 60)
            service.process.kill()
            killed.set()

        with up(tmp_path / "data") as service:

            def delivered() -> Json | None:
                (found,) = service.client.items(path("jobs", job["id"], "deliveries"))
                return found if found["state"] == "delivered" else None

            delivery = eventually(delivered, 60)

    first, second = receiver.told
    assert first.id == second.id == delivery["id"]
    assert first.body == second.body
    assert [attempt["status"] for attempt in delivery["attempts"]] == [None, 204]
    assert delivery["message"]["data"]["job"]["status"] == "completed"
    signed = f"{second.id}.{second.headers['webhook-timestamp']}.".encode() + second.body
    key = b64decode(secret.removeprefix("whsec_"))
    signature = b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert second.headers["webhook-signature"] == f"v1,{signature}"
