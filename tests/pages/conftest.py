"""One service, one endpoint and one browser for all tests of pages."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from core.keys import ADMIN_FILE
from gerbench.client import Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import Up, up
from tests.pages import chromium
from tests.pages.chromium import Desk

PER_CLASS = 6


@dataclass(frozen=True)
class Place:
    """A running service with a dataset, a model and a job that has ended."""

    service: Up
    key: str
    job: Json

    @property
    def url(self) -> str:
        return self.service.url


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Calls take a while, some images are refused: there is something to watch."""
    folder: Path = tmp_path_factory.mktemp("pages")
    draw_faces(folder / "faces", PER_CLASS)
    refused = jobs.sha256(next((folder / "faces" / "anger").iterdir()).read_bytes())
    options = EndpointOptions(latency_ms=200, refuse_image=(refused,), seed=5)
    with LocalEndpoint(options) as endpoint, up(folder / "data") as service:
        client = service.client
        jobs.import_folder(client, folder / "faces")
        jobs.name_model(client, endpoint.base_url, limits={"concurrency": 2})
        job = jobs.ended(client, jobs.submit(client, batch_size=6))
        yield Place(service, (service.data / ADMIN_FILE).read_text().strip(), job)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.executable()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, place: Place) -> Any:
    """What a browser keeps of having signed in once."""
    with chromium.desk(browser, place.url) as desk:
        page = desk.goto("/sign-in")
        page.get_by_label("API key").fill(place.key)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Jobs", level=1).wait_for()
        return desk.context.storage_state()


OpenDesk = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture
def at_desk(browser: Browser, place: Place, signed_in: Any) -> OpenDesk:
    """Opens a profile that is signed in."""

    def opened(**look: Any) -> AbstractContextManager[Desk]:
        return chromium.desk(browser, place.url, storage_state=signed_in, **look)

    return opened
