"""The log of a process: what is on its lines, and where they cannot be written."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from structlog.contextvars import bound_contextvars

from core import logs
from core.db import Database
from core.logs import Lenient
from core.settings import Settings
from core.tables import Team
from core.tables.teams import DEFAULT_ID

JOB = uuid4()
SECRET = "sk-a-local"

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_loses_lines_and_raises_nothing() -> None:
    stream = FULL.open("w")
    log = Lenient(stream)
    log.write("x" * 100_000)
    log.write("another line\n")
    log.flush()

    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_a_log_that_can_be_written_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        log = Lenient(stream)
        log.write("a line\n")
        log.flush()

        assert (tmp_path / "log").read_text() == "a line\n"


def test_a_log_that_was_closed_ends_no_work(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        log = Lenient(stream)

    log.write("a line\n")
    log.flush()

    assert (tmp_path / "log").read_text() == ""


def told(capsys: pytest.CaptureFixture[str], **given: Any) -> list[str]:
    """Return the lines that a process with these settings writes of some work that goes wrong."""
    structlog.reset_defaults()
    settings = Settings(broker_url=None, **given)
    logs.configure(form=settings.logs_as, level=settings.logs_from)
    log = structlog.get_logger()
    try:
        with bound_contextvars(job=JOB, request=7):
            log.debug("looked")
            log.info("planned", samples=3)
            try:
                _fail(SECRET)
            except ValueError:
                log.exception("failed")
    finally:
        structlog.reset_defaults()
    return capsys.readouterr().err.splitlines()


def _fail(secret: str) -> None:
    raise ValueError(f"{len(secret)} characters")


def test_as_json_a_line_is_an_object_with_the_ids_of_the_work_it_is_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    planned, failed = map(json.loads, told(capsys, log_format="json"))

    assert planned == {
        "message": "planned", "level": "info", "job": str(JOB), "request": 7, "samples": 3,
        "timestamp": ANY,
    }  # fmt: skip
    assert failed["exception"].endswith("ValueError: 10 characters")
    assert SECRET not in failed["exception"]


@pytest.mark.parametrize(
    ("given", "events"),
    [
        ({}, ["failed"]),
        ({"log_level": "debug"}, ["looked", "planned", "failed"]),
        ({"log_format": "json", "log_level": "error"}, ["failed"]),
        ({"log_format": "json", "log_level": "debug"}, ["looked", "planned", "failed"]),
    ],
)
def test_as_much_is_logged_as_was_asked_for(
    capsys: pytest.CaptureFixture[str], given: dict[str, Any], events: list[str]
) -> None:
    lines = told(capsys, **given)

    found = [event for line in lines for event in ("looked", "planned", "failed") if event in line]
    assert found == events


def test_where_many_processes_work_programs_read_the_log() -> None:
    one, many = Settings(broker_url=None), Settings(broker_url=SecretStr("redis://host"))

    assert (one.logs_as, one.logs_from) == ("console", "warning")
    assert (many.logs_as, many.logs_from) == ("json", "info")


def test_a_fault_of_the_database_is_told_without_the_values(sqlite_database: Database) -> None:
    with sqlite_database.write() as session, pytest.raises(IntegrityError) as caught:
        session.execute(insert(Team), [{"name": "default", "id": DEFAULT_ID}])

    assert "INSERT INTO teams" in str(caught.value)
    assert str(DEFAULT_ID.hex) not in str(caught.value)
