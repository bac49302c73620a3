"""Exports, read back by other libraries and compared with what is stored, on both databases."""

import csv
import io
import json
import subprocess
import sys
import tracemalloc
from base64 import b64decode
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert, select

from core.db import Database, table
from core.exports import attempts, rows
from core.exports.forms import written
from core.tables import Dataset, Prediction, Run, Sample
from core.vocabulary import ExportFormat, Outcome, Result
from tests import rows as made

ODD = ["anger", None, "=HYPERLINK('x')", '"quoted", yes', "two\nlines", "+1", "-1", "@x", "\tt"]


@pytest.fixture
def run(database: Database) -> Run:
    """A run that was answered in ways that files have trouble with."""
    with database.write.begin() as session:
        data = made.dataset(session, len(ODD))
        job = made.job(session, data, made.model(session), made.template(session))
        return made.finished(session, job, ODD, frames=3)


def exported(database: Database, run_id: UUID, form: ExportFormat) -> bytes:
    with database.read() as session:
        details = rows.of_run(session, run_id)
    return b"".join(written(rows.batches(database, details), form))


def stored(database: Database, run: Run) -> list[dict[str, Any]]:
    """What each row of an export shall say."""
    query = (
        select(Prediction, Sample)
        .join(Sample)
        .where(Prediction.run_id == run.id)
        .order_by(Prediction.sample_id)
    )
    with database.read() as session:
        data = session.get_one(Dataset, run.dataset_id)
        return [
            {
                "run_id": str(run.id),
                "dataset": f"moods@{data.digest[:12]}",
                "model": "local",
                "modality": "text",
                "template": "plain@1",
                "frames": 3,
                "color": "rgb",
                "detail": "low",
                "repeat": 1,
                "sample_id": sample.id,
                "sample": sample.name,
                "target": sample.target,
                "target_number": None,
                "outcome": prediction.outcome.value,
                "label": prediction.label,
                "in_vocabulary": prediction.in_vocabulary,
                "ranked": prediction.ranked,
                "rank": prediction.rank,
                "slot": prediction.slot,
                "batch": prediction.batch,
                "request_id": prediction.request_id,
                "attempt_id": prediction.attempt_id,
            }
            for prediction, sample in session.execute(query)
        ]


def test_json_lines_are_what_is_stored(database: Database, run: Run) -> None:
    lines = exported(database, run.id, ExportFormat.JSONL).splitlines()

    assert [json.loads(line) for line in lines] == stored(database, run)


def test_parquet_is_what_is_stored_with_types(database: Database, run: Run) -> None:
    found = pq.read_table(io.BytesIO(exported(database, run.id, ExportFormat.PARQUET)))

    assert found.to_pylist() == stored(database, run)
    assert str(found.schema.field("attempt_id").type) == "int64"
    assert str(found.schema.field("ranked").type).startswith("list<")


def test_csv_is_what_is_stored_but_for_what_a_spreadsheet_would_obey(
    database: Database, run: Run
) -> None:
    text = exported(database, run.id, ExportFormat.CSV).decode()

    found = list(csv.DictReader(io.StringIO(text, newline="")))
    wanted = stored(database, run)
    assert tuple(found[0]) == rows.COLUMNS
    assert [each["label"] for each in found] == [
        "anger",
        "",
        "'=HYPERLINK('x')",
        '"quoted", yes',
        "two\nlines",
        "'+1",
        "'-1",
        "'@x",
        "'\tt",
    ]
    assert [json.loads(each["ranked"] or "null") for each in found] == [
        each["ranked"] for each in wanted
    ]
    assert [each["in_vocabulary"] for each in found[:3]] == ["true", "", "false"]
    for name in ("run_id", "dataset", "frames", "sample", "target", "target_number", "slot"):
        assert [each[name] for each in found] == [
            "" if each[name] is None else str(each[name]) for each in wanted
        ]


def test_no_cell_of_a_csv_begins_as_a_formula(database: Database, run: Run) -> None:
    text = exported(database, run.id, ExportFormat.CSV).decode()

    cells = [cell for line in csv.reader(io.StringIO(text, newline="")) for cell in line]
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}]


def test_numeric_targets_have_a_column_of_their_own(database: Database) -> None:
    with database.write.begin() as session:
        data = made.dataset(session, 2, targets=(-0.5, 1.0))
        job = made.job(session, data, made.model(session), made.template(session))
        run = made.finished(session, job, ["anger", "anger"])

    found = pq.read_table(io.BytesIO(exported(database, run.id, ExportFormat.PARQUET)))
    text = exported(database, run.id, ExportFormat.CSV).decode()

    assert found["target_number"].to_pylist() == [-0.5, 1.0]
    assert found["target"].to_pylist() == [None, None]
    assert [each["target_number"] for each in csv.DictReader(io.StringIO(text))] == ["-0.5", "1.0"]


def test_a_job_is_one_file_run_after_run(database: Database) -> None:
    with database.write.begin() as session:
        data, by = made.dataset(session, 3), made.model(session)
        job = made.job(session, data, by, made.template(session), runs=1)
        runs = [made.finished(session, job, ["anger"] * 3, repeat=number) for number in (1, 2)]

    with database.read() as session:
        details = rows.of_job(session, job.id)
    content = b"".join(written(rows.batches(database, details), ExportFormat.PARQUET))

    found = pq.read_table(io.BytesIO(content))
    assert found["run_id"].to_pylist() == [str(run.id) for run in runs for _ in range(3)]
    assert found["repeat"].to_pylist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("form", ExportFormat)
def test_a_run_without_predictions_is_an_empty_file_of_its_kind(
    database: Database, form: ExportFormat
) -> None:
    with database.write.begin() as session:
        run = made.add_run(session, made.model(session))

    content = exported(database, run.id, form)

    if form is ExportFormat.PARQUET:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert (
            content.decode().splitlines() == [",".join(rows.COLUMNS)][form is ExportFormat.JSONL :]
        )


@pytest.mark.parametrize("form", ExportFormat)
def test_batches_meet_without_a_gap(
    database: Database, run: Run, form: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(database, run.id, form)

    for size in (1, 2, 3, len(ODD), len(ODD) + 1):
        monkeypatch.setattr(rows, "BATCH", size)
        again = exported(database, run.id, form)
        if form is ExportFormat.PARQUET:
            assert pq.read_table(io.BytesIO(again)).equals(pq.read_table(io.BytesIO(whole)))
        else:
            assert again == whole


def many(database: Database, count: int) -> Run:
    """A run with so many predictions, written without the ORM."""
    with database.write.begin() as session:
        run = made.add_run(session, made.model(session))
        samples: list[dict[str, Any]] = [
            {
                "dataset_id": run.dataset_id,
                "name": f"many/{number:06d}.png",
                "target": "anger",
                "target_number": None,
                "text": None,
                "media": [],
            }
            for number in range(count)
        ]
        session.execute(insert(table(Sample)), samples)
        ids = session.scalars(select(Sample.id).where(Sample.name.startswith("many/")))
        answered = [
            {
                "run_id": run.id,
                "sample_id": sample_id,
                "outcome": Outcome.ANSWERED,
                "label": "happiness",
                "in_vocabulary": True,
                "ranked": ["happiness", "anger", "sadness"],
                "rank": 2,
                "slot": 0,
                "batch": 20,
            }
            for sample_id in ids
        ]
        session.execute(insert(table(Prediction)), answered)
    return run


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_predictions(sqlite_database: Database) -> None:
    run = many(sqlite_database, 100_000)

    for form in ExportFormat:
        with sqlite_database.read() as session:
            details = rows.of_run(session, run.id)
        chunks = written(rows.batches(sqlite_database, details), form)
        next(chunks)
        tracemalloc.start()
        sizes = [len(chunk) for chunk in chunks]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        # All rows at once, as Python has them, are more than 100 MB.
        assert peak < 30 * 2**20, form
        assert max(sizes) < 4 * 2**20, form
        assert len(sizes) >= 4, form
    assert pa.default_memory_pool().max_memory() < 64 * 2**20


def test_a_service_that_exports_no_parquet_loads_no_pyarrow() -> None:
    code = "import sys, gerbench.service, api.main, worker.app; print('pyarrow' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"


BODIES = [
    b'{"choices": []}',
    "na\u00efve \u2028 \U0001f600".encode(),
    b"\x89PNG\r\n\x1a\n\x00\xff",
    b"",
    None,
]


def test_attempts_come_with_their_bodies_byte_for_byte(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "BATCH", 2)
    with database.write.begin() as session:
        run = made.add_run(session, made.model(session))
        kept = [
            made.attempt(
                session,
                run,
                result=Result.ANSWERED if body else Result.TIMEOUT,
                body=body,
                status=200,
                headers={"X-Odd": "\u00e9"},
                sent={"messages": [{"role": "user", "content": "\u2028"}]},
                cost_nano=1_500,
                reason=None if body else "no reply",
            )
            for body in BODIES
        ]

    found = [json.loads(line) for line in b"".join(attempts.lines(database, run.id)).splitlines()]

    assert [each["id"] for each in found] == [each.id for each in kept]
    assert list(map(bytes_of, found)) == BODIES
    assert [each["body_encoding"] for each in found] == ["utf-8", "utf-8", "base64", "utf-8", None]
    assert found[0]["sent"] == kept[0].sent
    assert found[0]["headers"] == {"X-Odd": "\u00e9"}
    assert found[0]["cost_usd"] == 1.5e-06
    assert found[-1]["reason"] == "no reply"


def bytes_of(line: dict[str, Any]) -> bytes | None:
    body = line["body"]
    if body is None:
        return None
    return b64decode(body) if line["body_encoding"] == "base64" else str(body).encode()
