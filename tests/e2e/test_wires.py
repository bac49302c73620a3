"""A small job over each wire, at a provider that refuses an image, fails and limits."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gerbench.endpoint import EndpointOptions, LocalEndpoint, rank
from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEY = "sk-e2e-0123456789"
SHARE = 0.25
"""Of the requests fail: few enough that none of a dozen fails six times in a row."""
MODELS: dict[str, dict[str, Any]] = {
    "openai-chat": {"base_url": "{root}/v1"},
    "openai-responses": {"base_url": "{root}/v1", "wire": "openai-responses"},
    "azure-chat": {
        "base_url": "{root}/openai/deployments/ours",
        "query": {"api-version": "2024-10-21"},
        "auth": {"header": "api-key"},
    },
    "anthropic-messages": {"base_url": "{root}/v1", "preset": "anthropic"},
    "gemini-generate": {"base_url": "{root}/v1beta", "preset": "gemini"},
}


@pytest.mark.parametrize("wire", list(MODELS))
def test_every_sample_ends_as_it_should_over_each_wire(
    wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_OF_THE_ENDPOINT", KEY)
    draw_faces(tmp_path / "faces", 4)
    forbidden = jobs.sha256(next((tmp_path / "faces" / "anger").iterdir()).read_bytes())
    options = EndpointOptions(
        api_key=(KEY,),
        refuse_image=(forbidden,),
        fail_share=SHARE,
        concurrency=1,
        latency_ms=150,
        seed=3,
    )
    with LocalEndpoint(options) as endpoint, up(tmp_path / "data") as service:
        client = service.client
        jobs.import_folder(client, tmp_path / "faces")
        spec = {**MODELS[wire], "credentials": [{"env": "KEY_OF_THE_ENDPOINT"}]}
        spec["base_url"] = spec["base_url"].format(root=endpoint.root)
        jobs.name_model(client, limits={"concurrency": 3}, **spec)
        job = jobs.ended(client, jobs.submit(client, batch_size=4), seconds=200)
        predictions = jobs.rows(client, job, "predictions")
        attempts = jobs.rows(client, job, "attempts")
        images = jobs.images_of(client)
        log = endpoint.log

    assert job["status"] == "completed", job["reason"]
    assert {entry.wire for entry in log} == {wire}
    came_to = Counter(entry.result for entry in log)
    assert came_to["refused"] > 0
    assert came_to["rate_limited"] > 0
    assert sum(came_to[fault] for fault in ("500", "502", "503", "reset")) > 0
    refused = {p["sample"]["name"] for p in predictions if p["outcome"] == "refused"}
    assert refused == {name for name, ref in images.items() if ref.digest == forbidden}
    faces = {jobs.sha256(f.read_bytes()): f for f in (tmp_path / "faces").glob("*/*.jpg")}
    for prediction in predictions:
        name = prediction["sample"]["name"]
        if name not in refused:
            face = faces[images[name].digest].read_bytes()
            assert prediction["ranked"] == rank(face, jobs.LABELS)
    assert len(attempts) == len(log)
    billed = [entry for entry in log if entry.billed]
    for count in ("prompt_tokens", "completion_tokens"):
        assert job["cost"][count] == sum(getattr(entry, count) for entry in billed)
    assert KEY not in str(attempts)
