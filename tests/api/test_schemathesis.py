"""Every operation of the OpenAPI document, against whatever its schema lets everybody send."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis import Case

from core.db import utc_now
from core.settings import Settings
from tests.api.apps import app_of
from tests.api.parties import Party, invite
from tests.conftest import MakeDatabase

CALLERS = (Party.OPERATOR, Party.MEMBER, Party.OPERATOR, Party.VIEWER, Party.ADMIN, Party.STRANGER)
"""Who sends the cases of each operation, in turn."""


def settings_at(database_url: str) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        broker_url=None,
        media_url="memory://",
        admin_key=SecretStr("a-key-for-schemathesis"),
        secret_key=SecretStr("what-encrypts-for-schemathesis-alone"),
        stream_s=0.2,  # a stream of the jobs under way has no end of its own
    )


# The document is made without starting the application: routes added later are in it.
schema = schemathesis.openapi.from_dict(app_of(settings_at("sqlite://")).openapi())

EXCLUDED = [
    # A schema cannot say that exactly one of two fields is given, or which cursors exist.
    schemathesis.checks.positive_data_acceptance,
    # "1" is read as a number.
    schemathesis.checks.negative_data_rejection,
    # It would call a server at an address; test_auth.py asks every operation without a key.
    schemathesis.checks.ignored_auth,
]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FastAPI]:
    """One running application for all cases: what one of them stores, the others find."""
    now = utc_now() - timedelta(days=2)
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("schemathesis") / "gerbench.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        make: MakeDatabase = request.getfixturevalue("make_postgres")
        url = make(template=request.getfixturevalue("postgres_template"))
    app = app_of(settings_at(url))
    with TestClient(app):
        app.state.secrets = invite(app.state.database, now=now)
        app.state.turns = cycle(CALLERS)
        yield app


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=2 * len(CALLERS),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_operation_fails_or_answers_what_is_not_documented(
    case: Case[Any], app: FastAPI
) -> None:
    secret = app.state.secrets[next(app.state.turns)]
    case.call_and_validate(
        app=app, headers={"Authorization": f"Bearer {secret}"}, excluded_checks=EXCLUDED
    )
