"""The typed clients: what they send again, what they cost to import, how alike they are."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO

import pytest

import gerbench
from gerbench import (
    aio,
    async_resources,
    async_webhooks,
    client,
    dashboards,
    peer,
    resources,
    webhooks,
)
from gerbench.peer import Json
from gerbench.typed import frame, submission
from tests.gerbench.cli import bodies
from tests.gerbench.cli.bodies import JOB
from tests.gerbench.cli.canned import GONE, KEY, Canned, problem, serving


def job() -> Json:
    """A job with every field that the API gives it."""
    shown = bodies.job()
    runs = [
        {**run, "origin": "service", "dispatch": "online", "stalled": None} for run in shown["runs"]
    ]
    return {**shown, "eta": None, "stalled": None, "runs": runs}


@pytest.fixture
def canned() -> Iterator[Canned]:
    with serving() as server:
        yield server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends again at once."""
    monkeypatch.setattr(client, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(aio, "WAITS_S", (0.0, 0.0, 0.0))


@pytest.fixture
def asked(canned: Canned, quick: None) -> Iterator[gerbench.Client]:
    with gerbench.Client(canned.url, KEY) as made:
        yield made


def test_a_submission_that_nobody_answered_is_sent_again_with_its_key(
    asked: gerbench.Client, canned: Canned
) -> None:
    canned.on("POST", "/v1/jobs", GONE, job())

    made = asked.jobs.submit("faces", "local", repeats=2)

    first, second = canned.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.json() == second.json()
    assert first.json() == {
        "dataset": "faces",
        "models": ["local"],
        "conditions": {},
        "repeats": 2,
    }
    assert str(made.id) == JOB


def test_reading_is_tried_four_times(asked: gerbench.Client, canned: Canned) -> None:
    canned.on("GET", f"/v1/jobs/{JOB}", GONE)

    with pytest.raises(gerbench.NoService):
        asked.jobs.get(JOB)

    assert len(canned.asked) == 4


@pytest.mark.parametrize(("status", "tries"), [(502, 4), (503, 4), (504, 4), (500, 1), (404, 1)])
def test_only_what_may_pass_is_tried_again(
    asked: gerbench.Client, canned: Canned, status: int, tries: int
) -> None:
    canned.on("GET", f"/v1/jobs/{JOB}", problem(status, "not_ready", "wait"), status=status)

    with pytest.raises(gerbench.ApiProblem) as caught:
        asked.jobs.get(JOB)

    assert caught.value.type == "/problems/not_ready"
    assert len(canned.asked) == tries


def test_what_may_not_be_sent_twice_is_not(asked: gerbench.Client, canned: Canned) -> None:
    canned.on("GET", f"/v1/jobs/{JOB}", job())
    canned.on("POST", f"/v1/jobs/{JOB}/retry", GONE)

    with pytest.raises(gerbench.NoService):
        asked.jobs.get(JOB).retry()

    assert [each.method for each in canned.asked] == ["GET", "POST"]


async def test_asyncio_sends_again_as_well(canned: Canned, quick: None) -> None:
    canned.on("POST", "/v1/jobs", GONE, job())

    async with gerbench.AsyncClient(canned.url, KEY) as asked:
        made = await asked.jobs.submit("faces", "local")

    first, second = canned.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert str(made.id) == JOB


async def test_asyncio_follows_lists_from_page_to_page(canned: Canned) -> None:
    canned.on("GET", "/v1/jobs", {"items": [{"id": 1}, {"id": 2}], "next_cursor": "abc"})
    canned.on("GET", "/v1/jobs", {"items": [{"id": 3}], "next_cursor": None})

    async with gerbench.AsyncClient(canned.url, KEY) as asked:
        found = [each["id"] async for each in asked.items("/v1/jobs")]

    assert found == [1, 2, 3]
    assert [each.query.get("cursor") for each in canned.asked] == [None, "abc"]


def test_one_model_and_one_value_of_a_condition_need_no_list() -> None:
    body = submission("faces", "local", {"detail": "low", "color": ["rgb", "gray"]}, {"seed": None})

    assert body == {
        "dataset": "faces",
        "models": ["local"],
        "conditions": {"detail": ["low"], "color": ["rgb", "gray"]},
    }


def test_a_library_that_is_missing_is_told() -> None:
    with pytest.raises(gerbench.ClientError, match="pip install no_such_frames"):
        frame("no_such_frames", BytesIO())


PAIRS = [
    (client.Client, aio.AsyncClient),
    (resources.Job, async_resources.AsyncJob),
    (resources.Run, async_resources.AsyncRun),
    (resources.Jobs, async_resources.AsyncJobs),
    (resources.Runs, async_resources.AsyncRuns),
    (resources.Datasets, async_resources.AsyncDatasets),
    (resources.Models, async_resources.AsyncModels),
    (webhooks.Webhooks, async_webhooks.AsyncWebhooks),
    (dashboards.Dashboards, dashboards.AsyncDashboards),
]


def public(kind: type) -> dict[str, list[str]]:
    own = {name: each for name, each in vars(kind).items() if not name.startswith("_")}
    return {
        name: list(inspect.signature(each).parameters)
        for name, each in own.items()
        if inspect.isfunction(each)
    }


@pytest.mark.parametrize(("plain", "awaited"), PAIRS)
def test_both_clients_have_the_same_methods(plain: type, awaited: type) -> None:
    wanted = public(plain)
    if plain is resources.Job:
        wanted["wait"].remove("timeout")  # asyncio has its own

    assert public(awaited) == wanted
    for each in vars(awaited).values():
        if inspect.isfunction(each) and each.__name__ in wanted:
            assert inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)


def loaded(code: str) -> set[str]:
    """What is in memory after some code."""
    told = f"import sys; {code}; print(' '.join(sys.modules))"
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(said.stdout.split())


def test_to_import_gerbench_loads_nothing_else() -> None:
    assert not loaded("import gerbench") & {"httpx", "pydantic", "numpy", "typer", "sqlalchemy"}


def test_the_json_client_loads_no_types() -> None:
    assert not loaded("from gerbench import connect") & {"numpy", "sqlalchemy", "core.bodies"}


def test_the_typed_clients_load_no_server() -> None:
    modules = ("resources", "async_resources", "async_webhooks", "dashboards")
    code = "; ".join(f"import gerbench.{module}" for module in modules)

    assert not loaded(code) & {"sqlalchemy", "fastapi", "celery", "cv2", "pandas", "polars"}


def test_every_public_name_is_there() -> None:
    assert {name: getattr(gerbench, name).__module__ for name in gerbench.__all__} == {
        name: gerbench.PLACES[name] for name in gerbench.__all__
    }
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gerbench.nonsense  # noqa: B018
    assert issubclass(gerbench.ApiProblem, peer.ClientError)


def test_what_a_newer_service_says_more_is_no_error(asked: gerbench.Client, canned: Canned) -> None:
    spec = {"name": "mine", "base_url": "http://127.0.0.1:9/v1", "model": "fer"}
    more = {"credentials": [], "created_at": "2026-01-01T12:00:00Z", "novelty": 1}
    canned.on("GET", "/v1/models/mine", {**spec, **more})
    canned.on("GET", f"/v1/jobs/{JOB}", {**job(), "novelty": 1})

    assert asked.models.get("mine").name == "mine"
    assert str(asked.jobs.get(JOB).id) == JOB
