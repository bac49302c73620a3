from pathlib import Path

from core.settings import Settings
from gerbench.client import connect, path
from gerbench.service import Service


def test_whoever_finds_the_address_finds_the_key_too(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=None, broker_url=None, media_url=None)
    service = Service(settings, host="127.0.0.1", port=0, worker=False)
    try:
        service.start()
        with connect(tmp_path) as client:
            models = list(client.items(path("models")))
    finally:
        service.stop()

    assert models == []
