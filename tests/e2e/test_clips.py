"""Drawn videos, and what is said in them, through every number of frames and every modality."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from core.rules.frames import frame_indices
from gerbench.client import Client, Json, path
from gerbench.clips import FRAMES
from gerbench.endpoint import LocalEndpoint
from gerbench.faces import EXPRESSIONS
from tests.e2e import jobs
from tests.e2e.processes import finished, up

pytestmark = pytest.mark.slow

COUNT = 2 * len(EXPRESSIONS)


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Two clips of each expression with what is said in them, drawn by the command line."""
    folder = tmp_path / "talks"
    log = tmp_path / "draw.log"
    drawn = finished("draw", "clips", folder, "--per-class", 2, "--speech", log=log)
    assert drawn.code == 0, drawn.output
    return folder


def test_clips_are_answered_at_every_number_of_frames_and_in_every_modality(
    talks: Path, tmp_path: Path
) -> None:
    with LocalEndpoint() as endpoint, up(tmp_path / "data") as service:
        client = service.client
        jobs.name_model(client, endpoint.base_url)
        here = ("--data", service.data)
        for name, task, modality in (
            ("clips", "dynamic_facial_emotion", "video"),
            ("talks", "multimodal_emotion", "video+text"),
        ):
            what = ("--name", name, "--task", task, "--modality", modality)
            imported = finished("datasets", "import", talks, *what, *here, log=tmp_path / "log")
            assert imported.code == 0, imported.output
        temporal = jobs.submit(client, "clips", conditions={"frames": [1, 2, 3]})
        fusion = jobs.submit(
            client, "talks", conditions={"modality": ["text", "video", "video+text"]}
        )
        frames = [sent_by(client, run) for run in ended_runs(client, temporal)]
        shown = [sent_by(client, run) for run in ended_runs(client, fusion)]
        preview = ("templates", "preview", "--dataset", "clips", "--frames", 2, "--count", 1)
        previewed = finished(*preview, *here, log=tmp_path / "preview.log")

    for count, run in enumerate(frames, 1):
        assert len(run) == COUNT
        assert {tuple(indices) for indices, _ in run} == {tuple(frame_indices(FRAMES, count))}
        assert not any(text for _, text in run)
    text, video, both = shown
    assert [len(run) for run in shown] == [COUNT] * 3
    assert not any(indices for indices, _ in text)
    assert not any(said for _, said in video)
    assert {said for _, said in text} == {said for _, said in both}
    assert {tuple(indices) for indices, _ in (*video, *both)} == {tuple(frame_indices(FRAMES, 3))}
    assert all(said for _, said in both)
    assert f"frame {frame_indices(FRAMES, 2)[1]} of the video" in previewed.output


def ended_runs(client: Client, job: Json) -> list[Json]:
    """Return the runs of a job once every sample has its answer, in the order of conditions."""
    done = jobs.ended(client, job)
    assert (done["status"], done["progress"]["answered"]) == ("completed", 3 * COUNT)
    runs: list[Json] = done["runs"]
    return runs


def sent_by(client: Client, run: Json) -> list[tuple[list[int], str]]:
    """Return the frames and the text that a run's attempts sent of each sample."""
    samples: list[tuple[list[int], str]] = []
    for attempt in client.items(path("runs", run["id"], "attempts")):
        (message,) = client.get(path("attempts", attempt["id"]))["sent"]["messages"]
        by_name: dict[str, tuple[list[int], list[str]]] = defaultdict(lambda: ([], []))
        name = ""
        for part in message["content"][1:]:
            name = _take(part, name, by_name)
        samples += [(indices, " ".join(texts)) for indices, texts in by_name.values()]
    return samples


def _take(part: Json, name: str, samples: dict[str, Any]) -> str:
    """Put one part of a message where it belongs; return the name of its sample."""
    if part["type"] == "image_url":
        samples[name][0].append(part["image_url"]["url"]["frame"])
        return name
    head, _, text = part["text"].partition("\n")
    name = str(head.partition(",")[0])
    if text:
        samples[name][1].append(text)
    return name
