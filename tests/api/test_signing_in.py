"""Signing in to the pages: cookies, links, forms of other sites, and where one lands."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.pages.signing_in import own_path
from core import keys, sign_ins
from core.db import Database, utc_now
from core.keys import ADMIN_FILE
from core.settings import Settings

PAGES = ("/jobs", "/jobs/new")
OURS = {"Sec-Fetch-Site": "same-origin"}


def secret_of(settings: Settings) -> str:
    return (settings.data / ADMIN_FILE).read_text().strip()


@pytest.fixture
def browser(anonymous: TestClient, settings: Settings) -> TestClient:
    """A client that is signed in with a cookie, and follows nothing by itself."""
    anonymous.follow_redirects = False
    answer = anonymous.post("/sign-in", data={"key": secret_of(settings)}, headers=OURS)
    assert answer.status_code == 303
    return anonymous


def test_the_key_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_reaches(
    anonymous: TestClient, settings: Settings
) -> None:
    anonymous.follow_redirects = False

    form = {"key": secret_of(settings), "next": "/jobs?status=failed"}
    answer = anonymous.post("/sign-in", data=form, headers=OURS)

    cookie = answer.headers["Set-Cookie"]
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?status=failed")
    assert all(
        word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800")
    )
    assert secret_of(settings) not in cookie


def test_over_https_the_cookie_never_goes_over_http(app: FastAPI, settings: Settings) -> None:
    with TestClient(app, base_url="https://lab.example") as client:
        form = {"key": secret_of(settings)}
        answer = client.post("/sign-in", data=form, headers=OURS, follow_redirects=False)

    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_wrong_key_is_told_so_and_given_no_cookie(anonymous: TestClient) -> None:
    answer = anonymous.post("/sign-in", data={"key": "gb_<script>wrong"}, headers=OURS)

    assert "not valid" in answer.text
    assert "<script>wrong" not in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("given", "goes"),
    [
        ("/", "/"),
        ("/jobs?status=failed", "/jobs?status=failed"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/jobs", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        (" //evil.example", "/"),
        ("jobs", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_sent_to_another_site(given: str, goes: str) -> None:
    assert own_path(given) == goes


@pytest.mark.parametrize("path", PAGES)
def test_whoever_is_not_signed_in_is_asked_to_and_brought_back(
    anonymous: TestClient, path: str
) -> None:
    answer = anonymous.get(f"{path}?status=failed", follow_redirects=False)

    back = f"{path.replace('/', '%2F')}%3Fstatus%3Dfailed"
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/sign-in?next={back}")


def test_a_link_from_another_site_first_reloads_itself_from_here(anonymous: TestClient) -> None:
    answer = anonymous.get("/jobs?status=failed&x=%22%3E", headers={"Sec-Fetch-Site": "cross-site"})

    assert 'content="0;url=/jobs?status=failed&amp;x=%22%3E"' in answer.text


def test_the_cookie_opens_pages_and_what_they_read(browser: TestClient) -> None:
    assert browser.get("/jobs").status_code == 200
    assert browser.get("/v1/jobs").status_code == 200


def test_a_link_signs_in_once(
    anonymous: TestClient, database: Database, settings: Settings
) -> None:
    anonymous.follow_redirects = False
    with database.write.begin() as session:
        key = keys.find(session, keys.digest(secret_of(settings)), now=utc_now())
        link = sign_ins.offer(session, key, now=utc_now())

    first, opened = anonymous.get(f"/sign-in/{link}"), anonymous.get("/jobs")
    anonymous.cookies.clear()
    second = anonymous.get(f"/sign-in/{link}")

    assert (first.status_code, first.headers["Location"], opened.status_code) == (303, "/", 200)
    assert "has been used" in second.text
    assert "Set-Cookie" not in second.headers


def test_signing_out_ends_the_session_itself(browser: TestClient) -> None:
    token = dict(browser.cookies)

    answer = browser.post("/sign-out", headers=OURS)

    assert answer.headers["Location"] == "/sign-in"
    browser.cookies.update(token)
    assert browser.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://testserver"}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://testserver:8001"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_with_a_cookie_only_pages_of_ours_change_anything(
    browser: TestClient, headers: dict[str, str], status: int
) -> None:
    model = {"name": "local", "base_url": "http://127.0.0.1:9/v1", "model": "fer"}

    answer = browser.post("/v1/models", json=model, headers=headers)

    assert answer.status_code == status
    assert browser.get("/v1/models").json()["items"] == [] or status == 201


def test_another_site_signs_nobody_in(anonymous: TestClient, settings: Settings) -> None:
    answer = anonymous.post(
        "/sign-in", data={"key": secret_of(settings)}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_key_in_the_header_needs_no_page(client: TestClient) -> None:
    model = {"name": "local", "base_url": "http://127.0.0.1:9/v1", "model": "fer"}

    assert client.post("/v1/models", json=model).status_code == 201


@pytest.mark.parametrize("path", ["/sign-in", *PAGES, "/jobs/no-id", "/sign-in/no-link"])
def test_every_page_lets_only_its_own_files_run(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/static/0/pages.css", "/static/0/..%2Fshell.py"])
def test_only_files_of_this_version_are_served(anonymous: TestClient, path: str) -> None:
    assert anonymous.get(path).status_code == 404


def test_fields_that_a_form_left_empty_are_no_part_of_an_address(browser: TestClient) -> None:
    answer = browser.get("/jobs?status=&dataset=faces&model=")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?dataset=faces")


def test_the_first_page_weighs_less_than_150_kb(browser: TestClient) -> None:
    page = browser.get("/jobs").text

    loaded = [part.split('"')[0] for part in page.split('"/static/')[1:]]
    names = {"live.js", "keys.js"} | {each.rpartition("/")[2] for each in loaded}
    folder = f"/static/{loaded[0].partition('/')[0]}"
    sizes = [len(browser.get(f"{folder}/{name}").content) for name in names]

    assert len(names) >= 4
    assert len(page.encode()) + sum(sizes) < 150_000
