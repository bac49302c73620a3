"""Sessions and links: what opens what, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from core import keys, sign_ins, teams
from core.db import Database
from core.errors import Unauthorized
from core.keys import KeyDraft
from core.tables import ApiKey, SignIn
from core.vocabulary import Role

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


@pytest.fixture
def key(database: Database) -> ApiKey:
    with database.write.begin() as session:
        teams.ensure_default(session)
        draft = KeyDraft("reader", Role.VIEWER, expires_at=NOW + timedelta(days=365))
        return keys.create(session, draft, now=NOW)[0]


def begin(database: Database, key: ApiKey) -> str:
    with database.write.begin() as session:
        return sign_ins.begin(session, key, now=NOW)


def offer(database: Database, key: ApiKey) -> str:
    with database.write.begin() as session:
        return sign_ins.offer(session, key, now=NOW)


def holder(database: Database, token: str, at: datetime = NOW) -> str:
    with database.read() as session:
        return sign_ins.find(session, keys.digest(token), now=at).name


def redeem(database: Database, token: str, at: datetime = NOW) -> str:
    with database.write.begin() as session:
        return sign_ins.redeem(session, token, now=at)


def test_a_session_stands_for_its_key_until_it_expires(database: Database, key: ApiKey) -> None:
    token = begin(database, key)

    assert holder(database, token, NOW + sign_ins.SESSION_LASTS - MOMENT) == "reader"
    with pytest.raises(Unauthorized, match="over"):
        holder(database, token, NOW + sign_ins.SESSION_LASTS)


def test_a_session_that_was_ended_opens_nothing(database: Database, key: ApiKey) -> None:
    token, other = begin(database, key), begin(database, key)

    with database.write.begin() as session:
        sign_ins.end(session, token, now=NOW)

    with pytest.raises(Unauthorized):
        holder(database, token)
    assert holder(database, other) == "reader"


def test_a_session_ends_with_its_key(database: Database, key: ApiKey) -> None:
    token = begin(database, key)

    with database.write.begin() as session:
        session.merge(key).revoked_at = NOW

    with pytest.raises(Unauthorized):
        holder(database, token)


def test_a_session_ends_when_its_key_expires(database: Database, key: ApiKey) -> None:
    token = begin(database, key)

    with database.write.begin() as session:
        session.merge(key).expires_at = NOW + MOMENT

    assert holder(database, token) == "reader"
    with pytest.raises(Unauthorized, match="expired"):
        holder(database, token, NOW + MOMENT)


def test_a_link_begins_one_session(database: Database, key: ApiKey) -> None:
    link = offer(database, key)

    token = redeem(database, link)

    assert holder(database, token) == "reader"
    with pytest.raises(Unauthorized, match="used"):
        redeem(database, link)


def test_a_link_is_no_session_and_a_session_no_link(database: Database, key: ApiKey) -> None:
    link, token = offer(database, key), begin(database, key)

    with pytest.raises(Unauthorized):
        holder(database, link)
    with pytest.raises(Unauthorized):
        redeem(database, token)


def test_an_old_link_begins_nothing(database: Database, key: ApiKey) -> None:
    link = offer(database, key)

    with pytest.raises(Unauthorized, match="too old"):
        redeem(database, link, NOW + sign_ins.LINK_LASTS)


def test_a_link_of_a_key_that_was_revoked_begins_nothing(database: Database, key: ApiKey) -> None:
    link = offer(database, key)
    with database.write.begin() as session:
        session.merge(key).revoked_at = NOW

    with pytest.raises(Unauthorized):
        redeem(database, link)


def test_no_token_is_stored(database: Database, key: ApiKey) -> None:
    tokens = {begin(database, key), offer(database, key)}

    with database.read() as session:
        rows = session.query(SignIn).all()

    assert len(rows) == 2
    assert not tokens & {str(value) for row in rows for value in vars(row).values()}


def test_rows_of_no_use_go_when_a_session_begins(database: Database, key: ApiKey) -> None:
    begin(database, key)

    with database.write.begin() as session:
        sign_ins.begin(session, key, now=NOW + sign_ins.SESSION_LASTS + sign_ins.KEPT + MOMENT)

    with database.read() as session:
        assert session.query(SignIn).count() == 1
