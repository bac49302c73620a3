"""Webhooks in the browser: made, tried, switched off, and what was sent to each."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import webhooks
from core.rules.webhooks import Answer
from tests.api.parties import MODEL, Party, Service, import_faces, serving
from tests.api.test_webhooks import PUBLIC, send


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        service.client.follow_redirects = False
        yield service


def make(service: Service, **form: Any) -> Any:
    return service.ask(Party.ADMIN, "POST", "/webhooks", data={"url": PUBLIC, **form})


def only(service: Service) -> dict[str, Any]:
    (hook,) = service.ask(Party.ADMIN, "GET", "/v1/webhooks").json()["items"]
    return dict(hook)


def press(service: Service, path: str, **form: Any) -> Any:
    response = service.ask(Party.ADMIN, "POST", f"/webhooks/{only(service)['id']}{path}", data=form)
    assert response.status_code == 303, response.text
    return response


def shown(service: Service) -> str:
    response = service.ask(Party.ADMIN, "GET", f"/webhooks/{only(service)['id']}")
    assert response.status_code == 200
    return str(response.text)


def secret_in(text: str) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', text)
    assert found is not None
    return found[1]


def test_a_webhook_is_made_and_its_secret_shown_once(service: Service) -> None:
    made = make(service, description="the chat", event=["job.failed", "job.stalled"])
    listed = service.ask(Party.ADMIN, "GET", "/webhooks").text

    assert made.headers["Cache-Control"] == "no-store"
    assert secret_in(made.text) not in listed
    assert "job.failed, job.stalled" in listed
    assert "the chat" in listed
    assert only(service)["events"] == ["job.failed", "job.stalled"]


def test_without_a_tick_it_is_told_of_everything(service: Service) -> None:
    make(service)

    assert only(service)["events"] is None


@pytest.mark.parametrize(
    ("url", "words"),
    [("nowhere", "url: "), ("http://127.0.0.1/", "not on the public internet"), ("", "url: ")],
)
def test_what_is_wrong_with_the_form_is_said_and_what_was_typed_kept(
    service: Service, url: str, words: str
) -> None:
    response = make(service, url=url, description="the chat", event=["job.failed"])

    assert 'role="alert"' in response.text
    assert words in response.text
    assert 'value="the chat"' in response.text
    assert re.search(r'value="job.failed"\s+checked', response.text)
    assert service.ask(Party.ADMIN, "GET", "/v1/webhooks").json()["items"] == []


def test_one_is_tried_and_what_came_back_is_shown_and_sent_again(service: Service) -> None:
    make(service)
    press(service, "/ping")
    send(service, Answer(503, "503 Service Unavailable", b"<b>closed</b>", 0.25))
    refused = shown(service)
    again = re.search(r"/deliveries/([0-9a-f-]{36})/redeliver", refused)
    assert again is not None
    press(service, again.group())
    send(service, Answer(204, None, b"", 0.25))
    taken = shown(service)

    assert "503 Service Unavailable" in refused
    assert "&lt;b&gt;closed&lt;/b&gt;" in refused
    assert "next try at" in refused
    assert "2, the last: 204" in taken
    assert "delivered" in taken


def test_one_is_switched_off_and_on(service: Service) -> None:
    make(service)
    press(service, "/switch", to="off")
    off, shown_off = only(service)["enabled"], shown(service)
    press(service, "/switch", to="on")

    assert (off, only(service)["enabled"]) == (False, True)
    assert "⊘ off" in shown_off
    assert ">Try it<" not in shown_off


def test_a_secret_is_renewed_and_shown_once(service: Service) -> None:
    first = secret_in(make(service).text)
    renewed = service.ask(Party.ADMIN, "POST", f"/webhooks/{only(service)['id']}/secret")

    assert renewed.headers["Cache-Control"] == "no-store"
    assert secret_in(renewed.text) != first
    assert "signs beside it until" in renewed.text
    assert "whsec_" not in shown(service)


def test_one_is_removed(service: Service) -> None:
    make(service)
    gone = only(service)["id"]
    press(service, "/delete")

    assert service.ask(Party.ADMIN, "GET", f"/webhooks/{gone}").status_code == 404
    assert "Nobody is told yet" in service.ask(Party.ADMIN, "GET", "/webhooks").text


def test_what_was_sent_to_a_jobs_own_address_is_a_page_of_the_job(service: Service) -> None:
    import_faces(service, Party.MEMBER, "faces")
    assert service.ask(Party.OPERATOR, "POST", "/v1/models", json=MODEL).status_code == 201
    body = {"dataset": "faces", "models": ["mine"]}
    quiet, told = (
        service.ask(Party.MEMBER, "POST", "/v1/jobs", json={**body, **more}).json()["id"]
        for more in ({}, {"webhook_url": PUBLIC})
    )
    service.ask(Party.MEMBER, "POST", f"/v1/jobs/{told}/cancel")
    page = service.ask(Party.MEMBER, "GET", f"/jobs/{told}/deliveries").text
    again = re.search(rf"/jobs/{told}/deliveries/[0-9a-f-]{{36}}/redeliver", page)
    assert again is not None
    sent = service.ask(Party.MEMBER, "POST", again.group())

    assert sent.headers["Location"] == f"/jobs/{told}/deliveries"
    assert "job.cancelled" in page
    link = "What was sent"
    for job, party, there in (
        (told, Party.MEMBER, True),
        (told, Party.VIEWER, False),
        (quiet, Party.MEMBER, False),
    ):
        assert (link in service.ask(party, "GET", f"/jobs/{job}").text) == there


def test_the_form_offers_no_more_webhooks_than_there_may_be(service: Service) -> None:
    for number in range(webhooks.MOST):
        make(service, url=f"{PUBLIC}/{number}")
    response = make(service, url=f"{PUBLIC}/more")

    assert f"at most {webhooks.MOST} webhooks" in response.text
