"""The drawn videos."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.media import videos
from core.rules.frames import frame_indices
from gerbench.canvas import SIDE
from gerbench.clips import FRAMES, draw_clips, strength
from gerbench.endpoint import rank_frames
from gerbench.faces import EXPRESSIONS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("clips")
    draw_clips(made, per_class=3)
    return made


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*.avi")}


def test_each_expression_has_its_folder_and_every_clip_is_another(folder: Path) -> None:
    drawn = files(folder)

    assert {name.split("/")[0] for name in drawn} == set(EXPRESSIONS)
    assert len(set(drawn.values())) == len(drawn) == 7 * 3


def test_the_import_reads_every_frame_of_a_clip(folder: Path) -> None:
    for path in folder.glob("*/*-0000.avi"):
        ref = videos.inspect(path, path.name)

        assert (ref.frames, ref.width, ref.height, ref.format) == (FRAMES, SIDE, SIDE, "avi")


def test_the_same_seed_draws_the_same_files_whatever_their_number(
    folder: Path, tmp_path: Path
) -> None:
    draw_clips(tmp_path / "same", per_class=1)
    draw_clips(tmp_path / "other", per_class=1, seed=1)

    assert files(tmp_path / "same").items() <= files(folder).items()
    assert not set(files(tmp_path / "other").values()) & set(files(folder).values())


def test_a_movement_starts_at_rest_rises_and_stays() -> None:
    shares = [strength(at) for at in np.linspace(-0.5, 1.5, 50)]

    assert (shares[0], shares[-1], strength(0.5)) == (0, 1, 0.5)
    assert shares == sorted(shares)


def test_the_face_changes_in_the_middle_and_holds_at_the_end(folder: Path) -> None:
    frames = videos.read_frames(folder / "surprise/surprise-0000.avi", range(FRAMES))

    def change(one: int, other: int) -> float:
        return float(cv2.absdiff(frames[one], frames[other]).mean())

    assert change(2, FRAMES - 1) > 2 * max(change(0, 2), change(FRAMES - 3, FRAMES - 1))


def test_the_network_recognises_the_end_of_the_clearest_expression(folder: Path) -> None:
    labels = tuple(EXPRESSIONS)

    def first(path: Path) -> str:
        last = frame_indices(FRAMES, 3)[-1]
        (frame,) = videos.read_frames(path, [last])
        return rank_frames([cv2.imencode(".png", frame)[1].tobytes()], labels)[0]

    firsts = [first(path) for path in (folder / "happiness").iterdir()]
    assert firsts.count("happiness") >= 2
