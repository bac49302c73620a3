"""Answers of analyses are stored: every process finds them, and none serves a stale one."""

from collections.abc import Iterator

import pytest
from fastapi import BackgroundTasks, Request
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from api.kept import Asked, _keep
from api.schemas.analyses import SelectionQuery
from core.analyses.main_results import MainResults, main_results
from core.analyses.selection import Selection
from core.db import Database
from core.settings import Settings
from core.tables import Job, KeptAnswer, Run, Score
from tests import rows
from tests.api.apps import app_of

A, H, S = rows.LABELS
MAIN = "/v1/analyses/main"


def submitted(session: Session) -> Job:
    return rows.job(session, rows.dataset(session, 6), rows.model(session), rows.template(session))


@pytest.fixture
def run(client: TestClient, database: Database) -> Run:
    """A run that completed."""
    with database.write.begin() as session:
        return rows.finished(session, submitted(session), [A, H, S, A, H, H])


@pytest.fixture
def other(client: TestClient, settings: Settings) -> Iterator[TestClient]:
    """Another process on the same database."""
    with TestClient(app_of(settings)) as other:
        other.headers["Authorization"] = client.headers["Authorization"]
        yield other


def stored(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(KeptAnswer.analysis).order_by(KeptAnswer.made_at)))


def mark(database: Database) -> None:
    """Make what is stored tell itself from what is computed."""
    with database.write.begin() as session:
        session.execute(update(KeptAnswer).values(body=b'{"cells":[]}'))


def test_an_answer_is_stored_once_and_is_the_same_bytes_again(
    client: TestClient, database: Database, run: Run
) -> None:
    first, again = client.get(MAIN), client.get(MAIN)

    assert first.content == again.content
    assert first.headers["Content-Type"] == again.headers["Content-Type"] == "application/json"
    assert stored(database) == ["main"]
    assert first.json()["cells"][0]["metrics"]["accuracy"]["mean"] == 5 / 6


def test_another_process_answers_from_what_is_stored(
    client: TestClient, other: TestClient, database: Database, run: Run
) -> None:
    client.get(MAIN)
    mark(database)

    assert other.get(MAIN).json() == {"cells": []}
    assert stored(database) == ["main"]


def test_tables_are_made_of_what_is_stored(
    client: TestClient, database: Database, run: Run
) -> None:
    computed = client.get(MAIN, params={"format": "csv"}).text
    found = client.get(MAIN, params={"format": "csv"}).text
    mark(database)
    marked = client.get(MAIN, params={"format": "csv"}).text

    assert computed == found
    assert (len(computed.splitlines()), len(marked.splitlines())) == (2, 1)


def test_a_run_that_is_scored_again_is_answered_for_anew(
    client: TestClient, other: TestClient, database: Database, run: Run
) -> None:
    client.get(MAIN)
    mark(database)
    with database.write.begin() as session:
        newest = session.scalars(select(Score)).one()
        session.add(Score(run_id=run.id, version=2, scored_at=rows.LATER, metrics=newest.metrics))

    assert other.get(MAIN).json()["cells"]
    assert client.get(MAIN).json()["cells"]
    assert stored(database) == ["main", "main"]


def test_arguments_are_told_apart(client: TestClient, database: Database, run: Run) -> None:
    by = [
        client.get("/v1/analyses/classes", params={"by": word}).json()["by"]
        for word in ("condition", "task", "condition", "task")
    ]

    assert by == ["condition", "task", "condition", "task"]
    assert stored(database) == ["classes", "classes"]


def test_a_kept_answer_waits_for_no_writer(
    client: TestClient, database: Database, run: Run
) -> None:
    before = client.get(MAIN).content

    with database.write.begin() as session:
        session.execute(update(Run).values(reason="held"))
        assert client.get(MAIN).content == before


def test_nothing_is_stored_of_a_run_that_is_not_over(
    client: TestClient, database: Database
) -> None:
    with database.write.begin() as session:
        job = submitted(session)
        begun = session.scalars(select(Run.id).where(Run.job_id == job.id)).one()

    answer = client.get(MAIN, params={"run": str(begun)})

    assert answer.json()["cells"][0]["answered"] == 0
    assert stored(database) == []


def test_an_answer_over_runs_that_changed_meanwhile_is_not_stored(
    postgres_database: Database,
) -> None:
    with postgres_database.write.begin() as session:
        rows.finished(session, submitted(session), [A, H, S, A, H, H])
    after_the_response = BackgroundTasks()
    request = Request({"type": "http", "headers": []})
    asked = Asked(postgres_database, SelectionQuery(), after_the_response, request)

    def slow(session: Session, selection: Selection) -> MainResults:
        with postgres_database.write.begin() as other:
            other.execute(update(Score).values(scored_at=rows.LATER))
        return main_results(session, selection)

    assert asked.answer(MainResults, slow, "main").analysis.cells
    assert after_the_response.tasks == []
    asked.answer(MainResults, main_results, "main")
    assert len(after_the_response.tasks) == 1


def test_an_answer_that_cannot_be_stored_is_only_told(
    settings: Settings, client: TestClient
) -> None:
    path = settings.data / "gerbench.db"
    read_only = Database.at(f"sqlite:///file:{path}?mode=ro&uri=true")

    with capture_logs() as told:
        _keep(read_only, "key", "main", b"{}")

    assert [(line["event"], line["analysis"]) for line in told] == [("analysis_not_kept", "main")]
    read_only.close()
