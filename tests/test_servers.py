import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from sqlalchemy import inspect, make_url

from core.db import Base, Database
from tests import servers
from tests.conftest import MakeDatabase

OWNER = """
import json, sys
from tests import servers

folder = servers.open_session()
urls = {kind: servers.url_of(kind) for kind in servers.KINDS}
print(json.dumps({"folder": str(folder), **urls}), flush=True)
sys.stdin.read()
servers.close_session(folder)
"""


def test_every_database_is_fresh_and_has_every_table(database: Database) -> None:
    assert set(inspect(database.engine).get_table_names()) == set(Base.metadata.tables)


def test_two_databases_share_nothing(make_postgres: MakeDatabase, postgres_url: str) -> None:
    first, second = make_url(make_postgres()), make_url(make_postgres())

    assert len({first.database, second.database, make_url(postgres_url).database}) == 3


def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["close", "kill"])
def test_private_servers_end_with_the_session_that_started_them(end: str) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GERBENCH_")
    }
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=Path(__file__).parents[1],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        session = json.loads(owner.stdout.readline())
        keepers = [
            process
            for process in psutil.process_iter(["cmdline"])
            if session["folder"] in (process.info["cmdline"] or [])
        ]
        started = [child for keeper in keepers for child in keeper.children()]
        with psycopg.connect(session["postgres"].replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

        if end == "kill":
            owner.send_signal(signal.SIGKILL)

    assert len(keepers) == len(started) == len(servers.KINDS)
    _, alive = psutil.wait_procs([*keepers, *started], timeout=servers.STOP_SECONDS)
    assert alive == []
    assert not Path(session["folder"]).exists()
