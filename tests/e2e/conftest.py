"""What every end-to-end test starts from: drawn faces, and outputs told when a test fails."""

from collections.abc import Generator
from pathlib import Path

import pytest

from gerbench.faces import draw_faces
from tests.e2e import processes

TOLD = 8000
"""Characters of a process's output that a failure shows."""


def pytest_runtest_setup() -> None:
    """Forget processes that ended before this test."""
    processes.STARTED[:] = [each for each in processes.STARTED if each.code is None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes said when a test fails."""
    report = yield
    if report.failed:
        for process in processes.STARTED:
            title = f"gerbench {' '.join(process.arguments)} (exit code {process.code})"
            report.sections.append((title, process.output[-TOLD:]))
    return report


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of seven expressions with twenty drawn faces in each."""
    folder = tmp_path_factory.mktemp("drawn") / "faces"
    draw_faces(folder, 20)
    return folder
