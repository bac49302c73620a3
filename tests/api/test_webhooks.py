"""Webhooks over REST: who may make them, where they may lead, and what is shown of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import sending
from core.db import utc_now
from core.rules.webhooks import Answer
from core.tables import Job, JobSigner, Webhook
from tests.api.parties import MODEL, Party, Service, import_faces, serving
from worker.deliver import LASTS

PUBLIC = "https://203.0.114.7/hook"
PRIVATE = [
    "http://127.0.0.1:8000/",
    "http://localhost/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://169.254.169.254/latest/meta-data",
    "http://10.1.2.3/",
    "http://2130706433/",
]


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        yield service


def make(service: Service, party: Party = Party.ADMIN, **body: Any) -> Any:
    return service.ask(party, "POST", "/v1/webhooks", json={"url": PUBLIC, **body})


def submit(service: Service, party: Party = Party.MEMBER, **body: Any) -> Any:
    job = {"dataset": "faces", "models": ["mine"], **body}
    return service.ask(party, "POST", "/v1/jobs", json=job)


@pytest.fixture
def ready(service: Service) -> Service:
    """A service with a dataset and a model."""
    import_faces(service, Party.MEMBER, "faces")
    assert service.ask(Party.OPERATOR, "POST", "/v1/models", json=MODEL).status_code == 201
    return service


def send(service: Service, answer: Answer) -> None:
    """Let what is due be sent, and answered so."""
    now = utc_now()
    with service.database.write.begin() as session:
        for parcel in sending.lease(session, owner="me", slots=9, lasts=LASTS, seed=0.0, now=now):
            sending.settle(session, parcel.claim, answer, sent_at=now, seed=0.0, now=now)


def test_a_webhook_is_made_shown_changed_and_removed(service: Service) -> None:
    made = make(service, events=["job.failed"], description="the lab's chat")
    place = made.headers["Location"]

    assert (made.status_code, place) == (201, f"/v1/webhooks/{made.json()['id']}")
    secret = made.json().pop("secret")
    shown = service.ask(Party.ADMIN, "GET", place).json()
    assert shown == {key: value for key, value in made.json().items() if key != "secret"}
    changed = service.ask(Party.ADMIN, "PATCH", place, json={"events": None, "enabled": False})
    assert (changed.json()["events"], changed.json()["enabled"]) == (None, False)
    assert (changed.json()["url"], changed.json()["description"]) == (PUBLIC, "the lab's chat")
    off = service.ask(Party.ADMIN, "POST", f"{place}/ping")
    assert (off.status_code, off.json()["type"]) == (409, "/problems/conflict")
    listed = service.ask(Party.ADMIN, "GET", "/v1/webhooks")
    assert [each["id"] for each in listed.json()["items"]] == [made.json()["id"]]
    assert secret.startswith("whsec_")
    assert secret not in listed.text
    assert service.ask(Party.ADMIN, "DELETE", place).status_code == 204
    assert service.ask(Party.ADMIN, "GET", place).status_code == 404


def test_an_address_that_is_not_public_takes_an_operator(ready: Service) -> None:
    hook = make(ready).json()["id"]

    for url in PRIVATE:
        for refused in (
            make(ready, url=url),
            ready.ask(Party.ADMIN, "PATCH", f"/v1/webhooks/{hook}", json={"url": url}),
            submit(ready, webhook_url=url),
        ):
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
            assert "GERBENCH_PRIVATE_WEBHOOKS" in refused.json()["detail"]
        assert make(ready, Party.OPERATOR, url=url).status_code == 201
    assert submit(ready, Party.OPERATOR, webhook_url=PRIVATE[0]).status_code == 202


def test_what_an_operator_named_is_trusted_until_somebody_else_moves_it(service: Service) -> None:
    place = make(service, Party.OPERATOR, url=PRIVATE[0]).headers["Location"]

    def trusted() -> bool:
        with service.database.read() as session:
            return session.scalars(select(Webhook.trusted)).one()

    assert service.ask(Party.ADMIN, "PATCH", place, json={"description": "x"}).status_code == 200
    assert trusted()
    assert service.ask(Party.ADMIN, "PATCH", place, json={"url": PUBLIC}).status_code == 200
    assert not trusted()


def test_what_makes_no_sense_is_said(service: Service) -> None:
    bodies: list[dict[str, Any]] = [
        {"url": "https://me:secret@a.example/"},
        {"url": "ftp://a.example/"},
        {"url": "https://a.example/" + "x" * 3000},
        {"events": []},
        {"events": ["job.exploded"]},
        {"description": "two\nlines"},
        {"secret": "mine"},
    ]
    for body in bodies:
        refused = make(service, **body)

        assert refused.status_code == 422, body
        assert refused.json()["errors"][0]["pointer"].startswith(f"/body/{next(iter(body))}")


def test_deliveries_tell_each_try_and_are_sent_again_on_request(service: Service) -> None:
    place = make(service).headers["Location"]
    sent = service.ask(Party.ADMIN, "POST", f"{place}/ping")
    assert (sent.status_code, sent.json()["event"], sent.json()["state"]) == (202, "ping", "due")
    send(service, Answer(status=410, error="answered 410", body=b"gone\x00\xff", latency_s=0.1))

    (told,) = service.ask(Party.ADMIN, "GET", f"{place}/deliveries").json()["items"]
    assert (told["id"], told["state"]) == (sent.json()["id"], "failed")
    assert told["message"]["type"] == "ping"
    (attempt,) = told["attempts"]
    assert (attempt["status"], attempt["answer"]) == (410, "gone\x00�")
    again = service.ask(Party.ADMIN, "POST", f"{place}/deliveries/{told['id']}/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "due")
    other = make(service).headers["Location"]
    elsewhere = service.ask(Party.ADMIN, "POST", f"{other}/deliveries/{told['id']}/redeliver")
    assert elsewhere.status_code == 404


def test_what_is_sent_to_the_address_of_a_job_is_for_members_to_see(ready: Service) -> None:
    made = submit(ready, webhook_url=PUBLIC)
    assert made.status_code == 202, made.text
    job = f"/v1/jobs/{made.json()['id']}"
    assert PUBLIC not in ready.ask(Party.VIEWER, "GET", job).text
    assert ready.ask(Party.MEMBER, "POST", f"{job}/cancel").status_code == 200
    send(ready, Answer(status=200))

    assert ready.ask(Party.VIEWER, "GET", f"{job}/deliveries").status_code == 403
    (told,) = ready.ask(Party.MEMBER, "GET", f"{job}/deliveries").json()["items"]
    assert (told["event"], told["state"], told["webhook_id"]) == (
        "job.cancelled",
        "delivered",
        None,
    )
    assert told["message"]["data"]["job"]["status"] == "cancelled"
    again = ready.ask(Party.MEMBER, "POST", f"{job}/deliveries/{told['id']}/redeliver")
    assert again.json()["state"] == "due"
    stranger = ready.ask(Party.STRANGER, "GET", f"{job}/deliveries")
    assert stranger.status_code == 404


def test_the_addresses_of_all_jobs_share_a_secret_that_an_admin_renews(ready: Service) -> None:
    submit(ready, webhook_url=PUBLIC)
    submit(ready, webhook_url=PUBLIC)

    first = ready.ask(Party.ADMIN, "POST", "/v1/webhooks/jobs/secret").json()
    second = ready.ask(Party.ADMIN, "POST", "/v1/webhooks/jobs/secret").json()
    for_others = ready.ask(Party.STRANGER, "POST", "/v1/webhooks/jobs/secret").json()

    assert len({made["secret"] for made in (first, second, for_others)}) == 3
    assert (for_others["old_until"], first["old_until"] is None) == (None, False)
    with ready.database.read() as session:
        assert len(session.scalars(select(JobSigner)).all()) == 2
        assert session.scalars(select(Job.webhook_url)).all() == [PUBLIC] * 2


def test_a_webhook_s_secret_is_found_in_no_later_answer_log_or_file(
    service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make(service)
    place = made.headers["Location"]
    renewed = service.ask(Party.ADMIN, "POST", f"{place}/secret")
    service.ask(Party.ADMIN, "POST", f"{place}/ping")

    said = [
        service.ask(Party.ADMIN, "GET", path).text
        for path in ("/v1/webhooks", place, f"{place}/deliveries", "/v1/audit")
    ]

    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    told = "".join(capfd.readouterr())
    for secret in (made.json()["secret"], renewed.json()["secret"]):
        assert len(secret) == len("whsec_") + 44
        assert not [text for text in (*said, told) if secret in text]
        assert not [each for each in files if secret.encode() in each]


def test_what_is_done_with_webhooks_is_in_the_audit_log(service: Service) -> None:
    place = make(service).headers["Location"]
    for method, path in (
        ("PATCH", place),
        ("POST", f"{place}/ping"),
        ("POST", f"{place}/secret"),
        ("POST", "/v1/webhooks/jobs/secret"),
        ("DELETE", place),
    ):
        body = {"json": {"enabled": True}} if method == "PATCH" else {}
        assert service.ask(Party.ADMIN, method, path, **body).status_code < 300

    items = service.ask(Party.ADMIN, "GET", "/v1/audit").json()["items"]
    assert [item["action"] for item in items] == [
        "delete_webhook",
        "renew_jobs_secret",
        "renew_webhook_secret",
        "ping_webhook",
        "change_webhook",
        "create_webhook",
    ]
