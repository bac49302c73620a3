"""What members may declare: models at which addresses, with whose secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from core.models import DeclaredModel, get
from core.settings import Settings
from tests.api.parties import MODEL, Party, Service, serving

PUBLIC = "https://1.1.1.1/v1"
INSIDE = [
    "http://127.0.0.1:9000/v1",
    "http://localhost:9000/v1",
    "http://2130706433/v1",
    "http://0x7f.1/v1",
    "http://[::1]/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "http://169.254.169.254/latest/meta-data",
    "http://10.1.2.3/v1",
    "http://192.168.0.1/v1",
]


@pytest.fixture
def strict(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    """A service whose operator allows no private address and shares one variable."""
    with serving(
        sqlite_template, tmp_path, private_models=(), shared_credentials=("SHARED_KEY",)
    ) as service:
        yield service


def declare(service: Service, party: Party, base_url: str = PUBLIC, **fields: Any) -> Any:
    body = {**MODEL, "base_url": base_url, **fields}
    return service.ask(party, "POST", "/v1/models", json=body)


def stored(service: Service, name: str = "mine") -> DeclaredModel:
    with service.database.read() as session:
        return DeclaredModel.of(get(session, name))


@pytest.mark.parametrize("base_url", INSIDE)
@pytest.mark.parametrize("party", [Party.MEMBER, Party.ADMIN, Party.STRANGER])
def test_only_an_operator_declares_a_model_at_a_private_address(
    strict: Service, base_url: str, party: Party
) -> None:
    refused = declare(strict, party, base_url)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    assert "GERBENCH_PRIVATE_MODELS" in refused.json()["detail"]
    assert declare(strict, Party.OPERATOR, base_url).status_code == 201
    assert stored(strict).trusted


def test_a_member_declares_a_model_at_a_public_address_or_an_unknown_name(strict: Service) -> None:
    assert declare(strict, Party.MEMBER).status_code == 201
    assert not stored(strict).trusted
    unknown = declare(strict, Party.MEMBER, "https://nowhere.invalid/v1", name="unknown")
    assert unknown.status_code == 201


def test_a_member_cannot_move_a_model_to_a_private_address(strict: Service) -> None:
    declare(strict, Party.OPERATOR, "http://10.1.2.3/v1")
    inside = {"base_url": "http://10.1.2.4/v1"}

    refused = strict.ask(Party.MEMBER, "PATCH", "/v1/models/mine", json=inside)
    assert refused.status_code == 403
    assert str(stored(strict).base_url) == "http://10.1.2.3/v1"

    moved = strict.ask(Party.MEMBER, "PATCH", "/v1/models/mine", json={"base_url": PUBLIC})
    assert moved.status_code == 200
    assert not stored(strict).trusted


def test_other_changes_of_a_member_leave_an_operators_model_where_it_is(strict: Service) -> None:
    declare(strict, Party.OPERATOR, "http://10.1.2.3/v1", credentials=[{"env": "OWN_KEY"}])

    changed = strict.ask(Party.MEMBER, "PATCH", "/v1/models/mine", json={"max_tokens": 7})

    assert changed.status_code == 200
    assert stored(strict).trusted


@pytest.mark.parametrize("ref", [{"env": "GERBENCH_ADMIN_KEY"}, {"file": "/etc/hostname"}])
def test_only_an_operator_names_a_secret_of_the_services_own(
    strict: Service, ref: dict[str, str]
) -> None:
    refused = declare(strict, Party.ADMIN, credentials=[ref])

    assert refused.status_code == 403
    assert "GERBENCH_SHARED_CREDENTIALS" in refused.json()["detail"]
    assert declare(strict, Party.OPERATOR, credentials=[ref]).status_code == 201


def test_a_shared_secret_may_be_named_by_everybody(strict: Service) -> None:
    assert declare(strict, Party.MEMBER, credentials=[{"env": "SHARED_KEY"}]).status_code == 201


def test_a_member_cannot_send_an_operators_secret_somewhere_else(strict: Service) -> None:
    declare(strict, Party.OPERATOR, credentials=[{"env": "OWN_KEY"}])
    elsewhere = {"base_url": "https://8.8.8.8/v1"}

    refused = strict.ask(Party.MEMBER, "PATCH", "/v1/models/mine", json=elsewhere)

    assert refused.status_code == 403
    assert str(stored(strict).base_url) == PUBLIC
    without = {**elsewhere, "credentials": []}
    assert strict.ask(Party.MEMBER, "PATCH", "/v1/models/mine", json=without).status_code == 200


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> Iterator[Settings]:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    yield Settings()


def test_loopback_is_allowed_in_embedded_mode_and_nothing_with_a_shared_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GERBENCH_DATABASE_URL", "GERBENCH_PRIVATE_MODELS"):
        monkeypatch.delenv(name, raising=False)

    assert [str(each) for each in Settings().private_networks] == ["127.0.0.0/8", "::1/128"]
    with environment(monkeypatch, GERBENCH_DATABASE_URL="postgresql://x") as settings:
        assert settings.private_networks == ()
    with environment(monkeypatch, GERBENCH_PRIVATE_MODELS="10.0.0.0/8, ::1") as settings:
        assert settings.private_networks[0] == IPv4Network("10.0.0.0/8")
        assert len(settings.private_networks) == 2
    with environment(monkeypatch, GERBENCH_PRIVATE_MODELS="") as settings:
        assert settings.private_networks == ()
