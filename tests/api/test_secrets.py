"""A provider's secret that is given to the service is used, and found nowhere."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.models import DeclaredModel, get
from core.tables import Model
from core.vault import Vault
from tests.api.parties import MODEL, Party, Service, serving

SECRET = "sk-plainly-visible-if-it-leaks"
OTHER = "sk-another-plainly-visible-one"
GIVEN = [{"secret": SECRET}]


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        yield service


def declare(service: Service, **fields: Any) -> Any:
    return service.ask(Party.MEMBER, "POST", "/v1/models", json={**MODEL, **fields})


def change(service: Service, **fields: Any) -> Any:
    return service.ask(Party.MEMBER, "PATCH", "/v1/models/mine", json=fields)


def secrets_of(service: Service) -> list[str]:
    """Return the secrets that a worker would send."""
    with service.database.read() as session:
        model = DeclaredModel.of(get(session, "mine"))
    vault = Vault.of(service.app.state.settings)
    return [vault.resolve(ref, model.sealed) for ref in model.credentials]


def test_a_secret_is_shown_by_its_fingerprint_alone(service: Service) -> None:
    made = declare(service, credentials=GIVEN)

    assert made.status_code == 201, made.text
    (shown,) = made.json()["credentials"]
    assert shown.keys() == {"env", "file", "stored", "present"}
    assert (len(shown["stored"]), shown["present"]) == (16, True)
    assert secrets_of(service) == [SECRET]


def test_a_secret_is_found_in_no_response_log_or_file(
    service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with echoing() as url:
        said = [
            declare(service, credentials=GIVEN, base_url=url),
            service.ask(Party.MEMBER, "POST", "/v1/models/mine/check"),
            declare(service, credentials=GIVEN),  # the name is taken
            declare(service, name="x", credentials=[{"secret": SECRET, "env": "A"}]),
            declare(service, name="x", credentials=[{"secret": f"{SECRET}\n"}]),
            declare(service, name="x", credentials=[{"secret": SECRET}, {"secret": SECRET}]),
            declare(service, name="x", credentials=[{"sekret": SECRET}]),
            change(service, credentials=[{"secret": OTHER}], timeout_s=0),
            change(service, credentials=[{"secret": OTHER}]),
            service.ask(Party.MEMBER, "GET", "/v1/models"),
            service.ask(Party.MEMBER, "GET", "/v1/models/mine"),
            service.ask(Party.ADMIN, "GET", "/v1/audit"),
            service.ask(Party.OPERATOR, "GET", "/metrics"),
        ]

    assert [each.status_code for each in said] == [
        *(201, 200, 409, 422, 422, 422, 422, 422, 200),
        *(200, 200, 200, 200),
    ]
    (checked,) = said[1].json()["credentials"]
    assert (checked["status"], checked["reason"]) == (418, "no model for Bearer ***")
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2
    told = "".join(capfd.readouterr())
    for secret in (SECRET, OTHER):
        assert not [each.text for each in said if secret in each.text]
        assert not [each for each in files if secret.encode() in each]
        assert secret not in told


def test_a_secret_that_is_kept_stays_when_other_fields_or_credentials_change(
    service: Service,
) -> None:
    (kept,) = declare(service, credentials=GIVEN).json()["credentials"]

    assert change(service, max_tokens=7).status_code == 200
    both = [{"stored": kept["stored"]}, {"secret": OTHER}]
    assert change(service, credentials=both).status_code == 200

    assert secrets_of(service) == [SECRET, OTHER]
    assert change(service, credentials=[{"secret": OTHER}]).status_code == 200
    gone = change(service, credentials=[{"stored": kept["stored"]}])
    assert (gone.status_code, gone.json()["type"]) == (422, "/problems/invalid_input")


def test_a_secret_that_is_kept_goes_to_no_other_address(service: Service) -> None:
    (kept,) = declare(service, credentials=GIVEN).json()["credentials"]
    elsewhere = "https://1.1.1.1/v1"

    for fields in ({}, {"credentials": [{"stored": kept["stored"]}]}):
        refused = change(service, base_url=elsewhere, **fields)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid_input")
        assert "send it again" in refused.json()["detail"]
    assert change(service, base_url=elsewhere, credentials=GIVEN).status_code == 200


def test_a_secret_of_another_model_cannot_be_named(service: Service) -> None:
    (kept,) = declare(service, credentials=GIVEN).json()["credentials"]

    refused = declare(service, name="thief", credentials=[{"stored": kept["stored"]}])

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid_input")


def test_a_model_that_is_out_of_use_keeps_no_secret(service: Service) -> None:
    declare(service, credentials=GIVEN)
    with service.database.read() as session:
        model_id = get(session, "mine").id

    assert service.ask(Party.ADMIN, "DELETE", "/v1/models/mine").status_code == 204

    with service.database.read() as session:
        assert session.get_one(Model, model_id).sealed == {}


class Echo(BaseHTTPRequestHandler):
    """Repeats, as some servers do, the secret that it was sent in its reply and its headers."""

    def do_POST(self) -> None:
        said = self.headers["authorization"]
        body = f'{{"error": {{"message": "no model for {said}"}}}}'.encode()
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(418)
        self.send_header("x-seen", said)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def echoing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
