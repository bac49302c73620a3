"""Datasets to try things out on, from the command line."""

from pathlib import Path

from tests.gerbench.cli.conftest import Gerbench


def test_faces_are_drawn_and_the_next_step_is_told(gerbench: Gerbench, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "faces"

    result = gerbench("draw", "faces", str(folder), "--per-class", "1", "--seed", "3")

    assert result.exit_code == 0, result.stderr
    assert len(list(folder.glob("*/*.jpg"))) == 7
    assert f"datasets import {folder} --name drawn-faces --task facial_emotion" in result.stdout


def test_clips_are_drawn_with_what_is_said_in_them(gerbench: Gerbench, tmp_path: Path) -> None:
    result = gerbench("draw", "clips", str(tmp_path / "clips"), "--per-class", "1", "--speech")

    assert result.exit_code == 0, result.stderr
    assert len(list(tmp_path.glob("clips/*/*.avi"))) == 7
    assert len((tmp_path / "clips" / "manifest.csv").read_text().splitlines()) == 8
    assert "--task multimodal_emotion" in result.stdout


def test_nothing_is_drawn_among_other_files(gerbench: Gerbench, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    result = gerbench("draw", "clips", str(tmp_path), "--per-class", "1")

    assert result.exit_code == 2
    # The box around an error breaks its lines wherever the folder's name happens to end.
    assert "is not empty" in " ".join(result.stderr.replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
