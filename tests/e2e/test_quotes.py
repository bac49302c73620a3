"""A quote against what the endpoint then counts, by rules of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gerbench.client import path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Up, up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("quoted") / "data") as service:
        jobs.import_folder(service.client, faces)
        yield service


def test_what_was_quoted_is_what_the_endpoint_bills(service: Up) -> None:
    client = service.client
    body = {"dataset": "faces", "models": ["local"], "conditions": {"detail": ["low", "high"]}}
    with LocalEndpoint() as endpoint:
        jobs.name_model(client, endpoint.base_url)
        first = client.post(path("jobs", "quote"), body)
        job = jobs.ended(client, jobs.submit(client, conditions=body["conditions"]))
        later = client.post(path("jobs", "quote"), body)

    took = job["against_quote"]
    assert (job["status"], job["quote"]["requests"]) == ("completed", first["requests"])
    assert took["requests"] == {"quoted": 14, "actual": 14, "ratio": 1.0}
    # Texts are estimated on the high side, answers too as long as none has been seen.
    assert 0.85 < took["tokens"]["ratio"] <= 1.0
    assert 0.8 < took["usd"]["ratio"] <= 1.0
    assert job["cost"]["completion_tokens"] == later["completion_tokens"]
    assert 0.92 < job["cost"]["prompt_tokens"] / later["prompt_tokens"] <= 1.0
    assert 0.94 < job["cost"]["usd"] / later["usd"] <= 1.0
    assert later["overhead"] == {"refused_share": 0.0, "requests": 0, "tokens": 0, "usd": 0.0}


def test_refusals_of_the_past_are_expected_again(service: Up) -> None:
    client = service.client
    with LocalEndpoint(EndpointOptions(refuse_images_share=0.05, refusal_form="prose")) as endpoint:
        jobs.name_model(client, endpoint.base_url, "shy")
        jobs.ended(client, jobs.submit(client, model="shy"))
        job = jobs.ended(client, jobs.submit(client, model="shy"))

    assert job["progress"]["refused"] > 0
    assert job["quote"]["overhead"]["refused_share"] == job["progress"]["refused"] / 140
    took = job["against_quote"]
    assert took["requests"]["quoted"] > 7
    for figure in ("requests", "tokens", "usd"):
        assert took[figure]["ratio"] == pytest.approx(1.0, abs=0.03)
