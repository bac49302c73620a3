"""How credentials stand, as workers saw it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from core import models, standings
from core.db import Database
from core.limiter.interface import CredentialStatus, Health, Room
from core.rules.specs import CredentialRef, Limits, ModelSpec
from core.standings import ModelStanding, Wait
from core.tables import Model

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = 86_400.0
SPEC = ModelSpec.model_validate(
    {
        "name": "m",
        "base_url": "http://127.0.0.1:1/v1",
        "model": "x",
        "limits": Limits(rpm=600, rpd=100),
        "credentials": [CredentialRef(env="A"), CredentialRef(env="B")],
    }
)


def status(
    credential: str = "env:A", *, rpd_used: int = 0, rpm_told: int | None = None
) -> CredentialStatus:
    rooms = Room(3, 600, 600, rpm_told), Room(9, None, None, None), Room(rpd_used, 100, 100, None)
    return CredentialStatus(credential, Health.HEALTHY, None, None, 1, {}, 8, *rooms, 600.0)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write.begin() as session:
        yield session


@pytest.fixture
def model(session: Session) -> Model:
    return models.create(session, SPEC, now=NOW)


def seen(session: Session, model: Model) -> ModelStanding:
    session.expire_all()
    return standings.of_models(session, [model.id])[model.id]


def test_the_newest_sight_stays(session: Session, model: Model) -> None:
    for minutes, used in ((0, 10), (5, 20), (3, 15)):
        at = NOW + timedelta(minutes=minutes)
        standings.store(session, model.id, [status(rpd_used=used)], None, now=at)

    [found] = seen(session, model).credentials

    assert (found.credential, found.rpd_used) == ("env:A", 20)


def test_credential_that_was_taken_out_is_not_shown(session: Session, model: Model) -> None:
    standings.store(session, model.id, [status("env:A"), status("env:OLD")], None, now=NOW)

    assert [each.credential for each in seen(session, model).credentials] == ["env:A"]


def test_wait_is_over_when_its_time_has_come(session: Session, model: Model) -> None:
    wait = Wait(NOW + timedelta(hours=1), "requests per day")
    standings.store(session, model.id, [status()], wait, now=NOW)

    standing = seen(session, model)

    assert standing.wait(NOW) == wait
    assert standing.wait(NOW + timedelta(hours=1)) is None


def test_what_the_provider_allows_is_offered(session: Session, model: Model) -> None:
    standings.store(session, model.id, [status(rpm_told=900)], None, now=NOW)

    [sentence] = seen(session, model).advice()

    assert "allows 900 requests a minute and 600 are configured" in sentence


def test_days_count_from_what_each_credential_has_left(session: Session, model: Model) -> None:
    both = [status("env:A", rpd_used=40), status("env:B", rpd_used=60)]
    standings.store(session, model.id, both, None, now=NOW)
    standing = seen(session, model)

    assert standing.days_s(100, NOW) == 0
    assert standing.days_s(160, NOW) == pytest.approx(DAY + 60 / 1200 * 60)


def test_a_day_that_is_used_up_ends_when_the_wait_does(session: Session, model: Model) -> None:
    wait = Wait(NOW + timedelta(hours=1), "requests per day")
    both = [status("env:A", rpd_used=100), status("env:B", rpd_used=100)]
    standings.store(session, model.id, both, wait, now=NOW)

    assert seen(session, model).days_s(300, NOW) == pytest.approx(3600 + DAY + 100 / 1200 * 60)


def test_model_nobody_sent_for_knows_nothing_of_days(session: Session, model: Model) -> None:
    assert seen(session, model).days_s(10_000, NOW) == 0
