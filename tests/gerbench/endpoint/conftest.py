"""Drawn faces to ask about."""

from pathlib import Path

import pytest

from gerbench.faces import draw_faces


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder: Path = tmp_path_factory.mktemp("faces")
    draw_faces(folder, per_class=3, seed=7)
    return [path.read_bytes() for path in sorted(folder.glob("*/*.jpg"))]
