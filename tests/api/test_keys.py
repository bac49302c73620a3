"""Keys, teams and the audit log over REST."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.keyring import REMEMBERED_S, Keyring
from core import keys
from core.db import Database, utc_now
from core.errors import Unauthorized
from core.keys import KeyDraft
from core.tables import ApiKey
from core.vocabulary import Role
from tests.api.parties import OTHER_TEAM, Party, Service, serving

OPEN = "/v1/models"


@pytest.fixture
def service(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    with serving(sqlite_template, tmp_path) as service:
        yield service


def make(service: Service, party: Party = Party.ADMIN, **body: Any) -> Any:
    return service.ask(party, "POST", "/v1/keys", json={"name": "ada", **body})


def opens(service: Service, secret: str) -> bool:
    headers = {"Authorization": f"Bearer {secret}"}
    return bool(service.client.get(OPEN, headers=headers).status_code == 200)


def test_a_key_is_shown_once_and_opens_the_api(service: Service) -> None:
    response = make(service, role="viewer")

    made = response.json()
    assert response.status_code == 201
    assert opens(service, made["secret"])
    listed = service.ask(Party.ADMIN, "GET", "/v1/keys")
    assert made.pop("secret") not in listed.text
    assert made["id"] in {each["id"] for each in listed.json()["items"]}
    assert made["created_by"] == _id_of(service, Party.ADMIN)
    assert (made["role"], made["operator"], made["expires_at"]) == ("viewer", False, None)


def test_a_revoked_key_opens_nothing_from_then_on(service: Service) -> None:
    made = make(service).json()
    assert opens(service, made["secret"])

    revoked = service.ask(Party.ADMIN, "DELETE", f"/v1/keys/{made['id']}")

    assert revoked.status_code == 204
    assert not opens(service, made["secret"])
    again = service.ask(Party.ADMIN, "DELETE", f"/v1/keys/{made['id']}")
    assert again.status_code == 204


def test_an_expiry_in_the_past_or_without_a_zone_is_refused(service: Service) -> None:
    past = make(service, expires_at="2020-01-01T00:00:00Z")
    naive = make(service, expires_at="2099-01-01T00:00:00")

    assert (past.status_code, past.json()["type"]) == (422, "/problems/invalid_input")
    assert (naive.status_code, naive.json()["type"]) == (422, "/problems/invalid_request")


@pytest.mark.parametrize(
    "body", [{"operator": True, "role": "admin"}, {"team": OTHER_TEAM}, {"team": "default"}]
)
def test_only_an_operator_makes_keys_of_operators_and_other_teams(
    service: Service, body: dict[str, Any]
) -> None:
    assert make(service, Party.ADMIN, **body).status_code == 403
    assert make(service, Party.OPERATOR, **body).status_code == 201


def test_an_operator_has_the_role_admin(service: Service) -> None:
    response = make(service, Party.OPERATOR, operator=True, role="viewer")

    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid_input")


def test_an_operator_sees_and_revokes_another_teams_keys_and_an_admin_does_not(
    service: Service,
) -> None:
    theirs = make(service, Party.OPERATOR, team=OTHER_TEAM).json()
    path = f"/v1/keys/{theirs['id']}"

    assert service.ask(Party.ADMIN, "GET", f"/v1/keys?team={OTHER_TEAM}").status_code == 403
    assert service.ask(Party.ADMIN, "DELETE", path).status_code == 404
    listed = service.ask(Party.OPERATOR, "GET", f"/v1/keys?team={OTHER_TEAM}").json()["items"]
    assert {each["name"] for each in listed} == {"stranger", "ada"}
    assert service.ask(Party.OPERATOR, "DELETE", path).status_code == 204
    seen = service.ask(Party.STRANGER, "GET", "/v1/audit").json()["items"]
    assert [(each["action"], each["key_name"]) for each in seen] == [
        ("revoke_key", "operator"),
        ("create_key", "operator"),
    ]


def test_the_last_good_key_of_an_operator_cannot_be_revoked(service: Service) -> None:
    (folder_key,) = _rows(service, ApiKey.operator & (ApiKey.name == keys.ADMIN))
    first = service.ask(Party.OPERATOR, "DELETE", f"/v1/keys/{folder_key.id}")
    own = f"/v1/keys/{_id_of(service, Party.OPERATOR)}"

    last = service.ask(Party.OPERATOR, "DELETE", own)

    assert first.status_code == 204
    assert (last.status_code, last.json()["type"]) == (409, "/problems/conflict")
    assert service.ask(Party.OPERATOR, "GET", OPEN).status_code == 200


def test_teams_are_made_by_operators_and_each_is_shown_its_own(service: Service) -> None:
    made = service.ask(Party.OPERATOR, "POST", "/v1/teams", json={"name": "vision-lab"})
    taken = service.ask(Party.OPERATOR, "POST", "/v1/teams", json={"name": "vision-lab"})

    assert (made.status_code, taken.status_code) == (201, 409)
    listed = service.ask(Party.OPERATOR, "GET", "/v1/teams").json()["items"]
    assert [each["name"] for each in listed] == ["default", OTHER_TEAM, "vision-lab"]
    own = service.ask(Party.STRANGER, "GET", "/v1/team").json()
    assert (own["name"], own["key"]["role"], own["key"]["operator"]) == (OTHER_TEAM, "admin", False)


def test_operators_say_which_part_of_its_limits_a_team_has(service: Service) -> None:
    def share(**body: object) -> httpx.Response:
        path = f"/v1/teams/{OTHER_TEAM}"
        answer: httpx.Response = service.ask(Party.OPERATOR, "PATCH", path, json=body)
        return answer

    assert service.ask(Party.STRANGER, "GET", "/v1/team").json()["rate_share"] == 1
    assert share(rate_share=0.25).json()["rate_share"] == 0.25
    assert service.ask(Party.STRANGER, "GET", "/v1/team").json()["rate_share"] == 0.25
    assert {share(rate_share=bad).status_code for bad in (0, 1.01, -1, "much", None)} == {422}
    unknown = service.ask(Party.OPERATOR, "PATCH", "/v1/teams/no", json={"rate_share": 1})
    assert unknown.status_code == 404


def test_the_key_of_the_data_folder_is_an_operators_in_the_default_team(service: Service) -> None:
    (key,) = _rows(service, ApiKey.operator & (ApiKey.name == keys.ADMIN))

    assert (key.role, key.operator, key.created_by) == (Role.ADMIN, True, None)


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def keyring(sqlite_database: Database, clock: list[float]) -> Keyring:
    return Keyring(sqlite_database, lambda: clock[0])


def test_a_key_is_remembered_for_a_second_and_no_longer(
    sqlite_database: Database, keyring: Keyring, clock: list[float]
) -> None:
    key_id, secret = _member(sqlite_database)
    keyring.recognise(secret, now=utc_now())
    with sqlite_database.write.begin() as session:
        keys.revoke(session, key_id, now=utc_now())

    clock[0] += REMEMBERED_S - 0.01
    assert keyring.remembered(secret, now=utc_now()) is not None
    clock[0] += 0.02
    assert keyring.remembered(secret, now=utc_now()) is None
    with pytest.raises(Unauthorized, match="not valid"):
        keyring.recognise(secret, now=utc_now())


def test_a_key_that_expires_while_it_is_remembered_opens_nothing(
    sqlite_database: Database, keyring: Keyring
) -> None:
    now = utc_now()
    _, secret = _member(sqlite_database, expires_at=now + timedelta(seconds=0.5))
    keyring.recognise(secret, now=now)

    with pytest.raises(Unauthorized, match="expired"):
        keyring.remembered(secret, now=now + timedelta(seconds=0.5))


def test_when_a_key_was_last_used_is_written_apart_and_never_set_back(
    sqlite_database: Database, keyring: Keyring
) -> None:
    key_id, secret = _member(sqlite_database)
    first, second = utc_now(), utc_now() + timedelta(seconds=5)

    keyring.recognise(secret, now=second)
    assert _used(sqlite_database, key_id) is None
    keyring.write_uses()
    assert _used(sqlite_database, key_id) == second

    keyring.recognise(secret, now=first)
    keyring.write_uses()
    assert _used(sqlite_database, key_id) == second


def _member(database: Database, **fields: Any) -> tuple[Any, str]:
    with database.write.begin() as session:
        key, secret = keys.create(session, KeyDraft("ada", Role.MEMBER, **fields), now=utc_now())
        return key.id, secret


def _used(database: Database, key_id: Any) -> Any:
    with database.read() as session:
        return session.get_one(ApiKey, key_id).last_used_at


def _rows(service: Service, condition: Any) -> list[ApiKey]:
    with service.database.read() as session:
        return list(session.scalars(select(ApiKey).where(condition)))


def _id_of(service: Service, party: Party) -> str:
    flagged = ApiKey.operator.is_(party is Party.OPERATOR)
    (key,) = _rows(service, flagged & (ApiKey.name == party.value))
    return str(key.id)
