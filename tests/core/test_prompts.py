"""What a request says is prepared once, whoever asks for it again."""

from pathlib import Path

import pytest

from core.media import images, videos
from core.media.store import MediaStore
from core.prompts import RunContext, SampleInput, write
from core.rules.classes import Classes
from core.rules.specs import Condition, DatasetSpec
from core.vocabulary import Color, Modality, Task
from tests import drawn

SPEC = DatasetSpec(name="d", task=Task.FACIAL_EMOTION, modality=Modality.IMAGE, labels=("a", "b"))


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore((tmp_path / "media").as_uri())


def context(modality: Modality, **values: object) -> RunContext:
    condition = Condition.model_validate(
        {"modality": modality, "template": "default@1", "color": Color.GRAY, **values}
    )
    return RunContext(condition, "{count}: {labels}", SPEC.labels, Classes.of(SPEC))


def photos(store: MediaStore) -> list[SampleInput]:
    found = []
    for seed in range(3):
        data = drawn.image(".jpg", seed=seed)
        store.put(data)
        found.append(SampleInput("a", None, None, (images.inspect(data, "photo.jpg"),)))
    return found


def clips(store: MediaStore, folder: Path) -> list[SampleInput]:
    found = []
    for frames in (6, 12):
        path = drawn.video(folder / f"{frames}.mp4", frames=frames)
        ref = videos.inspect(path, path.name)
        store.put_file(path, ref.digest)
        found.append(SampleInput("a", None, None, (ref,)))
    return found


def test_a_second_run_over_the_same_media_decodes_nothing(
    store: MediaStore, tmp_path: Path
) -> None:
    asked = [
        (context(Modality.IMAGE), photos(store)),
        (context(Modality.VIDEO, frames=3), clips(store, tmp_path / "clips")),
    ]
    first = [write(store, shared, samples) for shared, samples in asked]
    for _, samples in asked:
        for sample in samples:
            original = store.local_path(sample.media[0].digest)
            assert original
            # There is nothing left that could be decoded.
            original.unlink()

    second = [write(store, shared, samples) for shared, samples in asked]

    assert second == first
    assert [len(item.pictures) for prompt in second for item in prompt.items] == [1, 1, 1, 3, 3]
