"""Every operation of the OpenAPI document, against whatever its schema lets everybody send."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

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
DOCUMENT = app_of(settings_at("sqlite://")).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT)
GOOD_ALONE = SchemathesisConfig.from_dict(
    {"phases": {"coverage": {"generation": {"mode": "positive"}}}}
)
well_formed = schemathesis.openapi.from_dict(DOCUMENT, config=GOOD_ALONE)
"""What is refused before it reaches a database need be tried with one of the two alone."""

EXCLUDED = [
    # A schema cannot say that exactly one of two fields is given, or which cursors exist.
    schemathesis.checks.positive_data_acceptance,
    # "1" is read as a number.
    schemathesis.checks.negative_data_rejection,
    # It would call a server at an address; test_auth.py asks every operation without a key.
    schemathesis.checks.ignored_auth,
]


def rounds(number: int) -> settings:
    """Return how cases are made up: so many for each of the callers, the same at each run."""
    return settings(
        max_examples=number * len(CALLERS),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


# Tests have the names of their operations only where a fixture has parameters, and without names
# of their own pytest-xdist runs one of them for all.
@pytest.fixture(scope="module", params=["sqlite"])
def on_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    path = tmp_path_factory.mktemp("schemathesis") / "gerbench.db"
    shutil.copy(sqlite_template, path)
    with running_at(f"sqlite:///{path}") as app:
        yield app


@pytest.fixture(scope="module", params=["postgres"])
def on_postgres(make_postgres: MakeDatabase, postgres_template: str) -> Iterator[FastAPI]:
    with running_at(make_postgres(template=postgres_template)) as app:
        yield app


@contextmanager
def running_at(url: str) -> Iterator[FastAPI]:
    """Run one application for all cases: what one of them stores, the others find."""
    app = app_of(settings_at(url))
    with TestClient(app):
        app.state.secrets = invite(app.state.database, now=utc_now() - timedelta(days=2))
        app.state.turns = cycle(CALLERS)
        yield app


def call(case: Case[Any], app: FastAPI) -> None:
    """Send a case as the next caller would, and check what is answered."""
    secret = app.state.secrets[next(app.state.turns)]
    case.call_and_validate(
        app=app, headers={"Authorization": f"Bearer {secret}"}, excluded_checks=EXCLUDED
    )


def test_each_operation_has_a_test_of_its_own_name(request: pytest.FixtureRequest) -> None:
    names = [item.nodeid for item in request.session.items if item.path == request.path]

    assert len(names) == len(set(names))


@pytest.mark.slow
@schema.parametrize()
@rounds(2)
def test_no_operation_fails_or_answers_what_is_not_documented(
    case: Case[Any], on_sqlite: FastAPI
) -> None:
    call(case, on_sqlite)


@pytest.mark.slow
@well_formed.parametrize()
@rounds(1)
def test_no_operation_fails_on_postgres_either(case: Case[Any], on_postgres: FastAPI) -> None:
    call(case, on_postgres)
