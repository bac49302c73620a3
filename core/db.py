"""The database: engine, sessions, and the types that both dialects share."""

import sqlite3
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast
from weakref import WeakValueDictionary

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from core.clock import Clock
from core.turns import Turns

SQLITE_BUSY_MS = 30_000
"""How long a SQLite writer waits for another; one process holds the folder, so seconds suffice."""

WAL_AGAIN_S = 0.02
"""Before another try to let a new file take readers beside a writer."""

CONNECT_S = 10
"""How long a server may take to let a connection in."""

SILENCE_MS = 30_000
"""How long a server that is connected may acknowledge nothing before it counts as gone."""

AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What a statement raises when the database cannot be reached or cannot write: gone, restarting,
locked, or its disk is full. The same statement may succeed later."""


def words_of(away: Exception) -> str:
    """Return what a database's own driver says, in a line; not the statement, which may be long."""
    return " ".join(str(away.__cause__ or away).split())


_CLOCK = Clock()


def utc_now() -> datetime:
    """Return the time. Only edges call this; everywhere else `now` is an argument."""
    return _CLOCK.now()


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which has no zones, keeps it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; store in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key; SQLite numbers rows by itself only in a column called INTEGER."""


def words(enum: type[StrEnum]) -> Enum:
    """Return a column type for a closed set, stored by value with a CHECK constraint."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [member.value for member in members],
        length=32,
        name=enum.__name__.lower(),
    )


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read once by SQLAlchemy
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def table(entity: type[Base]) -> Table:
    """Return an entity's table, for statements that the ORM would only slow down."""
    return cast("Table", entity.__table__)


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    """Set up a SQLite connection; transactions are begun by `_begin_immediate`."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Let readers and a writer work at once; the file remembers.

    Of several that open a new file at once all but one are refused, whatever the busy timeout:
    each has read what it wants to change.
    """
    until = time.monotonic() + SQLITE_BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(WAL_AGAIN_S)
        else:
            return


def create_db_engine(url: str) -> Engine:
    """Return an engine for PostgreSQL or SQLite.

    On SQLite a transaction starts with BEGIN, and with BEGIN IMMEDIATE in sessions opened by
    `writing`: a deferred transaction that reads and then writes fails at once when another
    writer was faster (SQLITE_BUSY_SNAPSHOT), whatever the busy timeout.

    Errors tell statements without their values: these are replies, hashes of keys, sealed secrets.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url, hide_parameters=True, json_serializer=_json, json_deserializer=orjson.loads
        )
        event.listen(engine, "connect", _prepare_sqlite)
        _begin_in_turn(engine)
        return engine
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_S, "tcp_user_timeout": SILENCE_MS},
        pool_size=10,
        max_overflow=20,
        hide_parameters=True,
        json_serializer=_json,
        json_deserializer=orjson.loads,
    )


def _json(value: Any) -> str:
    """Return a value as JSON; the encoder of the standard library takes five times as long."""
    return orjson.dumps(value).decode()


def _begin_in_turn(engine: Engine) -> None:
    """Begin transactions on SQLite; the writers of a process, whoever's engine, stand in line."""
    turns = _TURNS.setdefault(engine.url.database or "", Turns())

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("writes"):
            connection.exec_driver_sql("BEGIN DEFERRED")
            return
        # Who waits in vain asks SQLite, which says why it cannot be.
        record = cast("dict[str, bool]", connection.connection.record_info)
        record["turn"] = turns.take(SQLITE_BUSY_MS / 1000)
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def end(_: object, record: ConnectionPoolEntry) -> None:
        if cast("dict[str, bool]", record.record_info).pop("turn", False):
            turns.give()


_TURNS: WeakValueDictionary[str, Turns] = WeakValueDictionary()
"""By file: the writers of a database in memory stand in one line, which does no harm."""


class Database:
    """The sessions of a process: `read()` for queries, `write()` for everything else."""

    def __init__(
        self,
        engine: Engine,
        kind: type[Session] = Session,
        info: dict[Any, Any] | None = None,
    ) -> None:
        self.engine = engine
        self.read = sessionmaker(engine, class_=kind, expire_on_commit=False, info=info)
        """Sessions whose transaction only reads."""
        self.write: sessionmaker[Session] = sessionmaker(
            engine.execution_options(writes=True), class_=kind, expire_on_commit=False, info=info
        )
        """Sessions whose transaction writes: use as `with database.write.begin() as session:`."""

    @classmethod
    def at(cls, url: str) -> "Database":
        """Return the database at a URL."""
        return cls(create_db_engine(url))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
