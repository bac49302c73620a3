"""Fixtures that every test may use: real databases, a real Redis, and the order of the tests."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
from sqlalchemy import (
    URL,
    Connection,
    NullPool,
    Table,
    create_engine,
    event,
    insert,
    make_url,
    text,
)

from core.db import Base, Database, table
from core.tables import Team
from core.tables.teams import DEFAULT, DEFAULT_ID
from tests import servers

# How long an example takes depends on what else the machine does. CI's own profile stays below.
hypothesis.settings.register_profile("unhurried", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("unhurried")


@event.listens_for(table(Team), "after_create")
def _make_the_default_team(_: Table, connection: Connection, **__: object) -> None:
    """Let there be the team that there always is, wherever a test makes the tables."""
    connection.execute(insert(Team).values(id=DEFAULT_ID, name=DEFAULT))


SESSION = pytest.StashKey[Path]()
MakeDatabase = Callable[..., str]
"""Makes a PostgreSQL database, empty or a copy of `template`, and returns its URL."""


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control lets what it runs in the background ignore Ctrl-C, and so would
    # the processes that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[SESSION] = servers.open_session()


def pytest_unconfigure(config: pytest.Config) -> None:
    if folder := config.stash.get(SESSION, None):
        servers.close_session(folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests last, whatever the random order: of these the longest files first."""
    items.sort(key=_when)


LONG = ("chaos", "api", "pages")
"""Folders whose slow files are long: begun last, one would keep the others waiting."""


def _when(item: pytest.Item) -> int:
    """Return when a test is to be run: 0 is first."""
    if item.get_closest_marker("slow") is None:
        return 0
    folder = item.path.parent.name
    return 1 + (LONG.index(folder) if folder in LONG else len(LONG))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly what was skipped, and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        _, _, reason = report.longrepr
        reasons[str(reason).removeprefix("Skipped: ")] += 1
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}", yellow=True)


def _server(kind: str) -> str:
    try:
        return servers.url_of(kind)
    except servers.Unavailable as error:
        if os.environ.get("GERBENCH_TEST_SERVERS") == "required":
            raise
        pytest.skip(str(error))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    worker: str = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(worker.removeprefix("gw"))


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The URL of a PostgreSQL server; make databases of your own on it with `make_postgres`."""
    return _server("postgres")


@pytest.fixture(scope="session")
def make_postgres(postgres_url: str) -> Iterator[MakeDatabase]:
    """Makes PostgreSQL databases; they are dropped at the end of the session.

    A test that needs every table takes `postgres_database_url`, which is faster.
    """
    base, made = make_url(postgres_url), []
    engine = create_engine(base, isolation_level="AUTOCOMMIT")

    def make(template: str = "template1") -> str:
        name = f"gerbench_test_{uuid4().hex[:16]}"
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE {name} TEMPLATE "{template}"'))
        made.append(name)
        return _text(base.set(database=name))

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    engine.dispose()


def _create_tables(url: str) -> None:
    database = Database.at(url)
    Base.metadata.create_all(database.engine)
    database.close()


@pytest.fixture(scope="session")
def postgres_template(make_postgres: MakeDatabase) -> str:
    """The name of a PostgreSQL database with every table and the default team."""
    url = make_postgres()
    _create_tables(url)
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table and the default team."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def empty_postgres_urls() -> list[str]:
    """The PostgreSQL databases that no test uses at the moment."""
    return []


@pytest.fixture
def postgres_database_url(
    make_postgres: MakeDatabase, postgres_template: str, empty_postgres_urls: list[str]
) -> Iterator[str]:
    """The URL of a PostgreSQL database with every table and the default team.

    It is emptied and used again: to drop a database takes ten times as long.
    """
    url = empty_postgres_urls.pop() if empty_postgres_urls else make_postgres(postgres_template)
    yield url
    _empty(url)
    empty_postgres_urls.append(url)


END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _empty(url: str) -> None:
    """Remove every row, and end the connections that a test has left open."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(END_OTHERS))
        connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
        connection.execute(insert(Team).values(id=DEFAULT_ID, name=DEFAULT))


@pytest.fixture(params=["sqlite", "postgres"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each of the two kinds of database; a test that asks for it runs once for each."""
    return str(request.param)


@pytest.fixture
def blank_database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables, of each dialect."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path / 'blank.db'}"
    make: MakeDatabase = request.getfixturevalue("make_postgres")
    return make()


@pytest.fixture
def sqlite_database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a SQLite database with every table and the default team."""
    path = tmp_path / "gerbench.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database with every table and the default team, of each dialect."""
    return str(request.getfixturevalue(f"{dialect}_database_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with every table and the default team, of each dialect."""
    yield from _opened(database_url)


@pytest.fixture
def postgres_database(postgres_database_url: str) -> Iterator[Database]:
    """A PostgreSQL database with every table and the default team."""
    yield from _opened(postgres_database_url)


@pytest.fixture
def sqlite_database(sqlite_database_url: str) -> Iterator[Database]:
    """A SQLite database with every table and the default team."""
    yield from _opened(sqlite_database_url)


def _opened(url: str) -> Iterator[Database]:
    database = Database.at(url)
    yield database
    database.close()


@pytest.fixture
def redis_url(worker_number: int) -> str:
    """The URL of a Redis database.

    On a private server no other pytest-xdist worker has it; on a server that the environment
    names it may hold the keys of others. Either way it is not emptied: use keys of your own.
    """
    url = _server("redis")
    return url if servers.given("redis") else f"{url}/{worker_number}"
