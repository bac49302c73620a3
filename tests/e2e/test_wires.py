"""A small job over each wire, at a provider that refuses an image, fails and limits."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from gerbench.client import Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint, rank
from gerbench.endpoint.log import Entry
from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEY = "sk-e2e-0123456789"
ENV = "KEY_OF_THE_ENDPOINT"
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


@dataclass(frozen=True)
class Done:
    """A job over one wire, and what its endpoint saw."""

    job: Json
    predictions: list[Json]
    attempts: list[Json]
    log: list[Entry]


@dataclass(frozen=True)
class Lab:
    """The jobs over every wire, which ran beside each other in one service."""

    faces: dict[str, bytes]
    """Pictures by their names."""
    forbidden: str
    """The name of the one that every endpoint refuses."""
    done: dict[str, Done]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("wires")
    draw_faces(folder / "faces", 4)
    faces = {jobs.sha256(f.read_bytes()): f.read_bytes() for f in (folder / "faces").glob("*/*")}
    forbidden = min(faces)
    options = EndpointOptions(
        api_key=(KEY,),
        refuse_image=(forbidden,),
        fail_share=SHARE,
        concurrency=1,
        latency_ms=150,
        seed=3,
    )
    with ExitStack() as stack:
        service = stack.enter_context(up(folder / "data", environment={ENV: KEY}))
        client = service.client
        jobs.import_folder(client, folder / "faces")
        endpoints = {wire: stack.enter_context(LocalEndpoint(options)) for wire in MODELS}
        under_way = {}
        for wire, model in MODELS.items():
            spec = {**model, "credentials": [{"env": ENV}]}
            spec["base_url"] = spec["base_url"].format(root=endpoints[wire].root)
            jobs.name_model(client, name=wire, limits={"concurrency": 3}, **spec)
            under_way[wire] = jobs.submit(client, model=wire, batch_size=4)
        done = {}
        for wire, job in under_way.items():
            ended = jobs.ended(client, job, seconds=200)
            predictions, attempts = (
                jobs.rows(client, ended, kind) for kind in ("predictions", "attempts")
            )
            done[wire] = Done(ended, predictions, attempts, endpoints[wire].log)
        names = {name: faces[ref.digest] for name, ref in jobs.images_of(client).items()}
    refused = next(name for name, face in names.items() if jobs.sha256(face) == forbidden)
    return Lab(names, refused, done)


@pytest.mark.parametrize("wire", list(MODELS))
def test_every_sample_ends_as_it_should_over_each_wire(lab: Lab, wire: str) -> None:
    done = lab.done[wire]
    assert done.job["status"] == "completed", done.job["reason"]
    assert {entry.wire for entry in done.log} == {wire}
    came_to = Counter(entry.result for entry in done.log)
    assert came_to["refused"] > 0
    assert came_to["rate_limited"] > 0
    assert sum(came_to[fault] for fault in ("500", "502", "503", "reset")) > 0
    refused = {p["sample"]["name"] for p in done.predictions if p["outcome"] == "refused"}
    assert refused == {lab.forbidden}
    for prediction in done.predictions:
        name = prediction["sample"]["name"]
        if name not in refused:
            assert prediction["ranked"] == rank(lab.faces[name], jobs.LABELS)
    assert len(done.attempts) == len(done.log)
    billed = [entry for entry in done.log if entry.billed]
    for count in ("prompt_tokens", "completion_tokens"):
        assert done.job["cost"][count] == sum(getattr(entry, count) for entry in billed)
    assert KEY not in str(done.attempts)
