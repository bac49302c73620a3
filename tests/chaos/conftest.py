"""What every test of this folder starts from: a few faces, and servers that may be stopped."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gerbench.faces import draw_faces
from tests import servers
from tests.e2e import jobs
from tests.e2e.cluster import Cluster, cluster_of
from tests.e2e.conftest import pytest_runtest_makereport, pytest_runtest_setup

__all__ = ["pytest_runtest_makereport", "pytest_runtest_setup"]


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of seven expressions with five drawn faces in each."""
    folder = tmp_path_factory.mktemp("drawn") / "few"
    draw_faces(folder, 5)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A PostgreSQL of these tests' own; each that stops it starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="gerbench-"))
    folder.chmod(0o711)
    try:
        server = servers.Postgres(folder)
        server.start()
    except servers.Unavailable as error:
        pytest.skip(str(error))
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster(
    postgres: servers.Postgres, few: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """An API with the few faces; each test starts its own workers and clock."""
    with cluster_of(tmp_path_factory.mktemp("cluster"), postgres.url) as cluster:
        jobs.import_folder(cluster.client, few)
        yield cluster
