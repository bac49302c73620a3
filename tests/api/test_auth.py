"""Who may call what."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from core import keys
from core.db import Database
from core.settings import Settings
from tests.api.apps import app_of

OPEN = {"/health", "/ready"}


def test_every_operation_but_health_needs_a_key(anonymous: TestClient, app: FastAPI) -> None:
    for path, item in app.openapi()["paths"].items():
        for method in item:
            response = anonymous.request(method, path)

            assert (response.status_code == 401) == (path not in OPEN), (method, path)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "Bearer \u00e9\u00ff"]
)
def test_a_wrong_key_is_told_how_to_send_one(anonymous: TestClient, header: str) -> None:
    response = anonymous.get("/v1/models", headers={b"Authorization": header.encode("latin-1")})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["type"] == "/problems/unauthorized"


def test_the_key_in_the_data_folder_opens_the_api(client: TestClient) -> None:
    assert client.get("/v1/models").status_code == 200


def test_a_key_given_by_settings_replaces_the_file(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    given = settings.model_copy(update={"admin_key": SecretStr("0123456789abcdef")})

    with TestClient(app_of(given)) as client:
        response = client.get("/v1/models", headers={"Authorization": "Bearer 0123456789abcdef"})

    assert response.status_code == 200
    assert not (tmp_path / keys.ADMIN_FILE).exists()


def test_a_service_starts_again_with_the_same_key(client: TestClient, settings: Settings) -> None:
    with TestClient(app_of(settings), headers=dict(client.headers)) as again:
        assert again.get("/v1/models").status_code == 200
