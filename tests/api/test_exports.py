"""Exports over REST: the file says what the API says."""

import csv
import io
import json
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.db import Database
from core.tables import Run
from tests import rows

A, H, _ = rows.LABELS


@pytest.fixture
def run(client: TestClient, database: Database) -> Run:
    with database.write.begin() as session:
        data, by = rows.dataset(session, 6), rows.model(session)
        job = rows.job(session, data, by, rows.template(session))
        made = rows.finished(session, job, [A, H, None, "joy", A, A])
        rows.attempt(session, made, body=b"\xff\x00", status=200)
    return made


def test_every_format_says_what_the_api_says(client: TestClient, run: Run) -> None:
    here = f"/v1/runs/{run.id}"
    listed = client.get(f"{here}/predictions").json()["items"]

    lines = client.get(f"{here}/export", params={"format": "jsonl"}).text.splitlines()
    table = pq.read_table(
        io.BytesIO(client.get(f"{here}/export", params={"format": "parquet"}).content)
    )
    text = client.get(f"{here}/export").text

    assert table.to_pylist() == [json.loads(line) for line in lines]
    for item, row in zip(listed, table.to_pylist(), strict=True):
        sample = item.pop("sample")
        assert {name: row[name] for name in item} == item
        assert [row[name] for name in ("sample_id", "sample", "target")] == list(sample.values())
    assert [row["label"] for row in csv.DictReader(io.StringIO(text))] == [A, H, "", "joy", A, A]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("jsonl", "application/jsonl"),
        ("parquet", "application/vnd.apache.parquet"),
    ],
)
def test_a_file_has_its_type_and_a_name(client: TestClient, run: Run, form: str, kind: str) -> None:
    response = client.get(f"/v1/runs/{run.id}/export", params={"format": form})

    named = f'attachment; filename="run-{str(run.id)[:8]}.{form}"'
    assert response.headers["Content-Type"] == kind
    assert response.headers["Content-Disposition"] == named


def test_a_job_is_exported_with_all_its_runs(
    client: TestClient, database: Database, run: Run
) -> None:
    with database.read() as session:
        runs = session.scalars(select(Run.id).where(Run.job_id == run.job_id)).all()

    lines = client.get(f"/v1/jobs/{run.job_id}/export", params={"format": "jsonl"}).text

    assert len(runs) == 2
    assert [json.loads(line)["run_id"] for line in lines.splitlines()] == [str(run.id)] * 6


def test_attempts_are_exported_raw(client: TestClient, run: Run) -> None:
    response = client.get(f"/v1/runs/{run.id}/attempts/export")

    (line,) = response.text.splitlines()
    found = json.loads(line)
    shown = client.get(f"/v1/attempts/{found['id']}").json()
    assert (found["body"], found["body_encoding"]) == ("/wA=", "base64")
    same = shown.keys() - {"body", "sent_at", "finished_at"}
    assert {name: found[name] for name in same} == {name: shown[name] for name in same}
    assert response.headers["Content-Disposition"].endswith('.jsonl"')


@pytest.mark.parametrize("place", ["runs/{}/export", "jobs/{}/export", "runs/{}/attempts/export"])
def test_what_is_not_there_is_a_problem_and_no_file(client: TestClient, place: str) -> None:
    response = client.get(f"/v1/{place.format(uuid4())}")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_format_there_is_not_is_told(client: TestClient, run: Run) -> None:
    response = client.get(f"/v1/runs/{run.id}/export", params={"format": "xlsx"})

    assert response.status_code == 422
    assert "'csv', 'jsonl' or 'parquet'" in response.json()["detail"]
