"""The Python client against a real service, and its guide, word for word."""

import asyncio
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gerbench
from core.bodies.work import JobBody
from gerbench.endpoint import LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import ROOT, Up, up

pytestmark = pytest.mark.slow

GUIDE = ROOT / "docs" / "guides" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:9000/v1"
"""Of the model in the guide."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[LocalEndpoint]:
    with LocalEndpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("python") / "data") as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Up, endpoint: LocalEndpoint, faces: Path) -> gerbench.Client:
    jobs.import_folder(service.client, faces)
    jobs.name_model(service.client, endpoint.base_url)
    return service.client


@pytest.fixture
def at_home(service: Up, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a reader of the guide is: beside a folder of faces, with a service of their own."""
    monkeypatch.setenv("GERBENCH_DATA", str(service.data))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").symlink_to(faces)


def test_every_block_of_the_guide_runs(
    service: Up,
    endpoint: LocalEndpoint,
    at_home: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )

    names: dict[str, object] = {"__name__": "guide"}
    for block in blocks:
        assert block.count(ADDRESS) == block.count("base_url=")
        code = compile(block.replace(ADDRESS, endpoint.base_url), str(GUIDE), "exec")
        exec(code, names)  # noqa: S102 - the guide is ours

    told = capsys.readouterr()
    assert "completed 280 of 280" in told.out
    assert "404 /problems/not_found" in told.out
    assert "completed 280/280 samples" in told.err


def test_a_job_is_waited_for_and_read(client: gerbench.Client, tmp_path: Path) -> None:
    told: list[JobBody] = []

    job = client.jobs.submit("faces", ["local"], repeats=2, batch_size=5).wait(
        progress=told.append, interval=0.05
    )

    assert (job.status, len(job.runs)) == ("completed", 2)
    assert told[-1] == job
    run = client.runs.get(job.runs[1].id)
    predictions = list(run.predictions())
    assert len(predictions) == run.progress.samples == 140
    assert run.metrics().accuracy.value == sum(p.rank == 1 for p in predictions) / 140
    assert {each.id for each in client.runs.list(job=job.id)} == {each.id for each in job.runs}
    frame = run.to_polars()
    assert frame["label"].to_list() == [p.label for p in predictions]
    assert run.to_pandas()["sample"].tolist() == [p.sample.name for p in predictions]
    run.export(tmp_path / "run.csv")
    with (tmp_path / "run.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == [p.label for p in predictions]


def test_the_same_key_makes_one_job(client: gerbench.Client) -> None:
    first = client.jobs.submit("faces", "local", sample_limit=1, idempotency_key="once")
    again = client.jobs.submit("faces", "local", sample_limit=1, idempotency_key="once")
    other = client.jobs.submit("faces", "local", sample_limit=1)

    assert first.id == again.id != other.id


def test_a_wait_ends_in_time_and_the_job_goes_on(client: gerbench.Client) -> None:
    job = client.jobs.submit("faces", "local", repeats=50).pause()
    assert job.wait().status == "paused"

    with pytest.raises(TimeoutError, match=f"job {job.id} is still running"):
        job.resume().wait(timeout=0.0)

    assert job.cancel().wait().status == "cancelled"


def test_asyncio_does_the_same(client: gerbench.Client, service: Up) -> None:
    async def ask() -> None:
        async with gerbench.connect_async(service.data) as asked:
            submitted = await asked.jobs.submit("faces", "local", sample_limit=20)
            job = await submitted.wait(interval=0.05)
            run = job.runs[0]
            found = [each async for each in run.predictions()]

            assert job.status == "completed"
            assert found == list(client.runs.get(run.id).predictions())
            assert await run.metrics() == client.runs.get(run.id).metrics()
            assert (await run.to_polars())["sample"].to_list() == [p.sample.name for p in found]
            assert [each.name async for each in asked.models.list()] == [
                each.name for each in client.models.list()
            ]
            listed = [each.id async for each in asked.jobs.list(limit=3)]
            assert listed == [each.id for each in client.jobs.list(limit=3)]
            with pytest.raises(gerbench.ApiProblem, match="no job"):
                await asked.jobs.get("00000000-0000-0000-0000-000000000000")

    asyncio.run(ask())
