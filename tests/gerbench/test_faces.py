"""The drawn faces."""

from pathlib import Path

import cv2
import pytest

from gerbench.endpoint import rank
from gerbench.faces import EXPRESSIONS, draw_faces


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*"))}


def test_each_expression_has_its_folder_and_every_face_is_another(tmp_path: Path) -> None:
    draw_faces(tmp_path, per_class=4)

    drawn = files(tmp_path)
    assert {name.split("/")[0] for name in drawn} == set(EXPRESSIONS)
    assert len(set(drawn.values())) == len(drawn) == 7 * 4
    picture = cv2.imread(str(tmp_path / next(iter(drawn))))
    assert picture is not None
    assert picture.shape == (160, 160, 3)


def test_the_same_seed_draws_the_same_files_whatever_their_number(tmp_path: Path) -> None:
    for name, count, seed in (("a", 2, 5), ("b", 3, 5), ("c", 2, 6)):
        draw_faces(tmp_path / name, per_class=count, seed=seed)

    few, more, other = (files(tmp_path / name) for name in "abc")
    assert few.items() <= more.items()
    assert not set(few.values()) & set(other.values())


@pytest.mark.parametrize("expression", ["happiness", "surprise"])
def test_the_network_recognises_the_clearest_expressions(tmp_path: Path, expression: str) -> None:
    draw_faces(tmp_path, per_class=6)

    firsts = [
        rank(path.read_bytes(), tuple(EXPRESSIONS))[0]
        for path in sorted((tmp_path / expression).iterdir())
    ]

    assert firsts.count(expression) > len(firsts) / 2
