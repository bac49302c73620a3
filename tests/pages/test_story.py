"""The whole story in a real browser, as somebody new to the service lives it."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gerbench.faces import draw_faces
from tests.pages import chromium
from tests.pages.chromium import NARROW, WIDE, Desk
from tests.pages.conftest import PER_CLASS, OpenDesk, Place
from tests.pages.hands import Hands, Keyboard, Mouse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


ROOT_OF_SVG = """
text => new DOMParser().parseFromString(text, "image/svg+xml").documentElement.tagName
"""


def sign_in(desk: Desk, place: Place, hands: Hands) -> None:
    page = desk.goto("/jobs")
    expect(page).to_have_url(re.compile(r"/sign-in\?next=%2Fjobs$"))
    hands.fill(page.get_by_label("API key"), place.key)
    hands.press(page.get_by_role("button", name="Sign in"))
    expect(page).to_have_url(re.compile(r"/jobs$"))


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An archive of drawn faces, and one in which a face is none."""
    folder = tmp_path_factory.mktemp("archives")
    draw_faces(folder / "faces", PER_CLASS)
    good = shutil.make_archive(str(folder / "good"), "zip", folder / "faces")
    (folder / "faces" / "anger" / "broken.jpg").write_bytes(b"no picture")
    return Path(good), Path(shutil.make_archive(str(folder / "bad"), "zip", folder / "faces"))


def import_dataset(desk: Desk, hands: Hands, archives: tuple[Path, Path], name: str) -> None:
    """Import a dataset; what is wrong with it is told, and nothing typed is lost."""
    page = desk.page
    hands.press(page.get_by_role("link", name="Datasets"))
    hands.press(page.get_by_role("link", name="Import a dataset"))
    hands.fill(page.get_by_label("Name"), name)
    hands.choose(page.get_by_label("Task"), "facial emotion")
    for archive in reversed(archives):
        hands.attach(page.get_by_label("Archive"), archive)
        hands.press(page.get_by_role("button", name="Import"))
        if archive == archives[1]:
            expect(page.get_by_role("alert")).to_contain_text("nothing was imported: 1 fault")
            expect(page.get_by_role("row", name="broken.jpg")).to_be_visible()
            desk.keep(f"{name}-faulty")
            assert not desk.barriers()
            assert not desk.overflows()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def quote_and_submit(desk: Desk, hands: Hands, dataset: str) -> None:
    page = desk.page
    hands.press(page.get_by_role("link", name="Jobs"))
    hands.press(page.get_by_role("link", name="New job"))
    hands.choose(page.get_by_label("Dataset"), f"{dataset} · 42")
    hands.tick(page.get_by_label("local"))
    hands.fill(page.get_by_label("Samples in a request"), "3")
    hands.press(page.get_by_role("button", name="Quote"))
    expect(page.get_by_text("42 samples in 1 run")).to_be_visible()
    hands.press(page.get_by_role("button", name="Submit this job"))


def watch(desk: Desk, dataset: str) -> None:
    """See progress move, and the job end, in a page that is never loaded again."""
    page = desk.page
    expect(page).to_have_title(re.compile(rf"^\d+ % · {dataset} · (queued|running)"))
    page.evaluate("window.neverReloaded = true")
    expect(page.locator("#head .state")).to_have_text(re.compile("completed"), timeout=60_000)
    expect(page).to_have_title(re.compile(f"^{dataset} · completed"))
    assert page.evaluate("window.neverReloaded")


def find_out_why(desk: Desk, hands: Hands, name: str) -> None:
    """Go from the job to its run's confusion matrix, into a wrong cell, to the raw answer."""
    page = desk.page
    hands.press(page.locator("#runs").get_by_role("link", name="local"))
    matrix = page.get_by_role("region", name="Confusion matrix")
    wrong = matrix.get_by_role("link", name=re.compile(r"\d+ of (\w+) were taken for (?!\1)")).first
    told = re.match(r"(\d+) of (\w+) were taken for (.+)", wrong.get_attribute("aria-label") or "")
    assert told is not None
    desk.keep(f"{name}-run")
    hands.press(wrong)
    cases = page.locator("a.case")
    expect(cases).to_have_count(int(told[1]))
    expect(cases.first).to_contain_text(f"{told[2]} → {told[3]}")
    hands.press(cases.first)
    beside = page.locator("#case")
    expect(beside).to_contain_text("✕ wrong")
    expect(beside.get_by_label("Raw answer")).to_contain_text("chat.completion")
    assert beside.locator("img").evaluate(
        "async image => (await image.decode(), image.naturalWidth)"
    )
    desk.keep(f"{name}-case")


def go_back(desk: Desk) -> None:
    """Close what is beside with the browser's own button; an address is a state."""
    with_case = desk.page.url
    desk.page.go_back()
    expect(desk.page.locator("#case")).to_have_count(0)
    desk.goto(with_case.removeprefix(desk.url))
    expect(desk.page.locator("#case")).to_be_visible()


@pytest.mark.parametrize(
    ("width", "dark", "hands"),
    [(WIDE, False, Mouse()), (NARROW, True, Keyboard())],
    ids=["desktop", "phone-in-the-dark-by-keyboard"],
)
def test_the_story(
    browser: Browser,
    place: Place,
    archives: tuple[Path, Path],
    *,
    width: int,
    dark: bool,
    hands: Hands,
) -> None:
    name = f"mine-{width}"
    with chromium.desk(browser, place.url, width=width, dark=dark) as desk:
        sign_in(desk, place, hands)
        import_dataset(desk, hands, archives, name)
        quote_and_submit(desk, hands, name)
        watch(desk, name)
        desk.keep(f"story-{width}-job")
        find_out_why(desk, hands, f"story-{width}")
        go_back(desk)


def test_a_link_signs_in_and_signing_out_closes_the_door(browser: Browser, place: Place) -> None:
    link = re.search(r"/sign-in/\S+", place.service.process.output)
    assert link is not None

    with chromium.desk(browser, place.url) as desk:
        page = desk.goto(link.group())
        expect(page).to_have_url(re.compile("/jobs$"))
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in to gerbench")).to_be_visible()
        desk.goto("/jobs")
        expect(page).to_have_url(re.compile("/sign-in"))


def test_without_a_mouse_a_job_is_found_and_opened(at_desk: OpenDesk) -> None:
    with at_desk() as desk:
        page = desk.goto("/jobs")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        expect(page.get_by_label("State")).to_be_focused()
        Keyboard().press(page.get_by_role("link", name="faces").first)

        expect(page).to_have_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))


def test_without_a_mouse_cases_are_walked_and_opened(at_desk: OpenDesk, place: Place) -> None:
    run = place.job["runs"][0]["id"]
    with at_desk() as desk:
        page = desk.goto(f"/cases?run={run}")
        cases = page.locator("a.case")
        for key in "jjk":
            page.keyboard.press(key)
        expect(cases.nth(0)).to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("Enter")

        expect(page.locator("#case")).to_contain_text(
            cases.nth(1).locator("div.small").inner_text()
        )
        expect(cases.nth(1)).to_be_focused()


def test_the_switch_of_the_theme_holds_on_the_next_page(at_desk: OpenDesk) -> None:
    with at_desk() as desk:
        page = desk.goto("/jobs")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Switch between light and dark").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        desk.goto("/jobs/new")

        assert dark != light
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_a_lost_connection_is_shown_and_heals_by_itself(at_desk: OpenDesk, place: Place) -> None:
    with at_desk() as desk:
        body = {"dataset": "faces", "models": ["local"], "batch_size": 1, "repeats": 2}
        job = place.service.client.post("/v1/jobs", body)
        page = desk.goto(f"/jobs/{job['id']}")
        expect(page.locator("#connection")).to_have_text("live", timeout=20_000)
        desk.context.set_offline(True)
        expect(page.locator("#connection")).to_contain_text("connection lost", timeout=20_000)
        desk.context.set_offline(False)
        expect(page.locator("#connection")).not_to_contain_text("lost", timeout=20_000)
        desk.faults = [each for each in desk.faults if "ERR_INTERNET_DISCONNECTED" not in each]
        page.get_by_role("button", name="Cancel").click()

        expect(page.locator("#head .state")).to_contain_text("cancelled")


def test_an_admin_makes_a_key_shows_it_once_and_revokes_it(
    at_desk: OpenDesk, browser: Browser, place: Place
) -> None:
    with at_desk(width=NARROW, dark=True) as desk:
        page = desk.goto("/jobs")
        page.get_by_role("link", name="Team").click()
        page.get_by_role("link", name="Keys").click()
        page.get_by_label("Whose it is, or what for").fill("bo, phone")
        page.get_by_label("Role").select_option("viewer")
        page.get_by_role("button", name="Make it").click()
        secret = page.get_by_label("The secret").input_value()
        desk.goto("/keys")
        expect(page.get_by_text("bo, phone")).to_be_visible()
        expect(page.locator("body")).not_to_contain_text(secret)

        with chromium.desk(browser, place.url) as bo:
            sign_in(bo, replace(place, key=secret), Mouse())
            bo.goto("/team")
            expect(bo.page.get_by_role("link", name="Keys")).to_have_count(0)
            row = page.get_by_role("row", name="bo, phone")
            row.locator("summary").click()
            row.get_by_role("button", name="Revoke bo, phone").click()
            expect(page.get_by_role("row", name="bo, phone")).to_contain_text("revoked")
            bo.goto("/team")
            expect(bo.page).to_have_url(re.compile("/sign-in"))

        desk.goto("/audit?key_name=admin&action=revoke_key")
        expect(page.get_by_role("row")).to_have_count(2)


def test_an_own_text_is_tried_added_and_compared(at_desk: OpenDesk) -> None:
    with at_desk() as desk:
        page = desk.goto("/templates/new")
        page.get_by_label("Name").fill("mine")
        for text in ("Name the emotion of each face.", "Name the mood of each face."):
            page.get_by_label("Text", exact=True).fill(text)
            page.get_by_label("Samples").fill("2")
            page.get_by_role("button", name="Preview").click()
            expect(page.get_by_label("Instructions")).to_contain_text(text)
            expect(page.get_by_label("Body")).to_contain_text("sha256")
            page.get_by_role("button", name="Add this template").click()
            page.get_by_role("link", name="Next version").click()
        desk.page.go_back()
        page.get_by_role("link", name="What changed").click()

        expect(page.locator(".diff del")).to_have_text("emotion")
        expect(page.locator(".diff ins")).to_have_text("mood")
        expect(page.get_by_role("heading", level=1)).to_have_text("mine@2")


def test_a_figure_is_a_file_with_one_click(at_desk: OpenDesk, place: Place) -> None:
    with at_desk() as desk:
        page = desk.goto(f"/jobs/{place.job['id']}")
        files = {}
        for kind in ("CSV", "SVG"):
            with page.expect_download() as download:
                page.locator("#rate").get_by_role("button", name=kind).click()
            files[download.value.suggested_filename] = Path(download.value.path()).read_text()
        tag = page.evaluate(ROOT_OF_SVG, files["rate.svg"])

    assert files["rate.csv"].startswith("Minute,Calls,Turned away\n")
    calls = [int(line.split(",")[1]) for line in files["rate.csv"].splitlines()[1:]]
    assert sum(calls) == place.job["progress"]["attempts"]
    assert tag == "svg"
    assert 'fill="rgb(' in files["rate.svg"]
