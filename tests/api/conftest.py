"""A running application on a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.db import Database
from core.keys import ADMIN_FILE
from core.settings import Settings
from tests.api.apps import app_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Embedded mode in a folder of its own, whatever the environment says."""
    return Settings(
        data=tmp_path, database_url=None, broker_url=None, media_url=None, admin_key=None
    )


@pytest.fixture
def database(settings: Settings, sqlite_database: Database) -> Database:
    """The database that the application uses."""
    assert str(sqlite_database.engine.url) == settings.database
    return sqlite_database


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    """The application, not started."""
    return app_of(settings)


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    """A client without a key; it sees a 500 as its users would."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(app: FastAPI, settings: Settings) -> Iterator[TestClient]:
    """A client with the admin's key."""
    with TestClient(app) as client:
        secret = (settings.data / ADMIN_FILE).read_text().strip()
        client.headers["Authorization"] = f"Bearer {secret}"
        yield client
