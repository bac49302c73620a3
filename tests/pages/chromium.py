"""A real browser: found on the machine, watched while it looks at pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KEPT = Path(__file__).parents[2] / "artifacts" / "pages"
"""Where pictures of pages are kept; git ignores it."""
WIDE, NARROW = 1360, 390
SERIOUS = {"serious", "critical"}


def executable() -> str:
    """Return the path of a browser; skip the test, or fail it where servers are required."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        words = "there is no Chromium here; on Debian: apt-get install chromium"
        if os.environ.get("GERBENCH_TEST_SERVERS") == "required":
            pytest.fail(words)
        pytest.skip(words)
    return found


class Desk:
    """A browser profile in which pages are opened; it writes down all that goes wrong in them."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.faults: list[str] = []
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("request", self._asked)
        context.on("response", self._answered)
        self.page = context.new_page()

    def goto(self, path: str) -> Page:
        """Open a page of the service."""
        self.page.goto(self.url + path)
        return self.page

    def keep(self, name: str) -> None:
        """Keep a picture of the page as it is."""
        KEPT.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=KEPT / f"{name}.png", full_page=True)

    def barriers(self) -> list[str]:
        """Return what axe finds in the page that keeps people out."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{self.page.url}: {each['id']}: {node['html']} {node['failureSummary']}"
            for each in found
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    def overflows(self) -> bool:
        """Tell whether the page is wider than the window, so that it scrolls sideways."""
        found: bool = self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        return found

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme != "data" and not request.url.startswith(self.url):
            self.faults.append(f"asked another host: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} for {response.url}")


@contextmanager
def desk(
    browser: Browser, url: str, *, width: int = WIDE, dark: bool = False, **profile: object
) -> Iterator[Desk]:
    """Open a profile of its own, and fail if anything went wrong in it."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        **profile,  # type: ignore[arg-type]  # what playwright knows
    )
    try:
        opened = Desk(context, url)
        yield opened
        assert not opened.faults
    finally:
        context.close()
