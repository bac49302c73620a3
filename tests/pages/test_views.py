"""Runs are compared, what is seen is saved and shared, and the link is closed again."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import jobs
from tests.pages import chromium
from tests.pages.chromium import NARROW, WIDE, Desk
from tests.pages.conftest import OpenDesk, Place
from tests.pages.hands import Hands, Keyboard, Mouse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NAME = "Coarse <img src=x onerror=alert(1)> & fine"


@pytest.fixture(scope="module")
def coarse(place: Place) -> str:
    """A run over the same samples that sees too little of them to answer alike."""
    client = place.service.client
    conditions = {"longest_side": [16], "jpeg_quality": [5]}
    job = jobs.ended(client, jobs.submit(client, batch_size=6, conditions=conditions))
    return str(job["runs"][0]["id"])


def compare(page: Page, hands: Hands) -> None:
    """Tick both runs and compare them."""
    for box in page.get_by_role("checkbox", name=re.compile("^local, ")).all():
        hands.tick(box)
    hands.press(page.get_by_role("button", name="Compare"))
    expect(page.get_by_role("heading", name="The pair")).to_be_visible()


def look_at_flips(desk: Desk, hands: Hands) -> None:
    """Go from a count to as many cases, and back."""
    page = desk.page
    only_one = page.get_by_role("link", name=re.compile("samples that only the .* run has right"))
    told = int(only_one.first.inner_text())
    hands.press(only_one.first)
    cases = page.locator("a.case")
    expect(cases).to_have_count(told)
    expect(page.locator("a.case .right")).to_have_count(told)
    page.go_back()


def save(page: Page, hands: Hands) -> None:
    hands.press(page.locator("summary", has_text="Save this view"))
    hands.fill(page.get_by_label("Name"), NAME)
    hands.tick(page.get_by_label("Main results"))
    hands.press(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()


def share(page: Page, hands: Hands) -> str:
    """Make a link, and return its path; to come back shows it no more."""
    hands.choose(page.get_by_label("Open for"), "1 day")
    hands.press(page.get_by_role("button", name="Make a link"))
    path = urlsplit(page.get_by_label("Link", exact=True).input_value()).path
    assert page.content().count(path) > 0
    page.goto(page.url.removesuffix("/links"))
    assert path not in page.content()
    return path


def see(fresh: Desk, path: str) -> None:
    """Look at the view with nothing but its link."""
    page = fresh.goto(path)
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    figures = page.locator(".paper img")
    expect(figures).to_have_count(2)
    for figure in figures.all():
        assert figure.evaluate("image => image.complete && image.naturalWidth > 0")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert page.locator("main a").count() == 0
    assert fresh.context.cookies() == []
    fresh.goto("/dashboards")
    expect(page).to_have_url(re.compile("/sign-in"))


def see_it_closed(fresh: Desk, path: str) -> None:
    answer = fresh.page.goto(fresh.url + path)
    assert answer is not None
    assert answer.status == 410
    expect(fresh.page.get_by_role("heading", name="This link is closed")).to_be_visible()
    fresh.faults = [each for each in fresh.faults if "410" not in each]


@pytest.mark.parametrize(
    ("width", "script", "hands"),
    [(WIDE, True, Keyboard()), (NARROW, False, Mouse())],
    ids=["desktop-by-keyboard", "phone-without-script"],
)
def test_what_is_compared_is_saved_shared_and_closed(
    browser: Browser,
    at_desk: OpenDesk,
    place: Place,
    coarse: str,
    *,
    width: int,
    script: bool,
    hands: Hands,
) -> None:
    def barriers_of(seen: Desk) -> list[str]:
        """Return what axe finds, where its own script may run."""
        return seen.barriers() if script else []

    look: dict[str, Any] = {"width": width, "java_script_enabled": script, "dark": not script}
    with at_desk(**look) as desk, chromium.desk(browser, place.url, **look) as fresh:
        page = desk.goto("/compare")
        compare(page, hands)
        desk.keep(f"compare-{width}")
        look_at_flips(desk, hands)
        barriers, wide = barriers_of(desk), [desk.overflows()]
        save(page, hands)
        desk.keep(f"view-{width}")
        barriers += barriers_of(desk)
        wide.append(desk.overflows())
        path = share(page, hands)
        see(fresh, path)
        fresh.goto(path)
        fresh.keep(f"shared-{width}")
        barriers += barriers_of(fresh)
        wide.append(fresh.overflows())
        hands.press(page.get_by_role("button", name="Revoke"))
        expect(page.get_by_text("⊘ revoked")).to_be_visible()
        see_it_closed(fresh, path)
        hands.press(page.locator("summary", has_text="Change or remove this view"))
        hands.press(page.get_by_role("button", name="Remove"))
        expect(page.get_by_role("heading", name="No saved views yet")).to_be_visible()

    assert not barriers, "\n".join(barriers)
    assert wide == [False, False, False]
