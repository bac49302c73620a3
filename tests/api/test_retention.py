"""Raw answers that are gone, as the API tells of them."""

from datetime import timedelta
from hashlib import sha256

from fastapi.testclient import TestClient

from core import retention
from core.db import Database
from tests import rows
from tests.rows import LATER, NOW


def test_an_attempt_tells_when_and_why_its_raw_answer_is_gone_and_a_rescore_refuses(
    client: TestClient, database: Database
) -> None:
    with database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 3), rows.model(session), rows.template(session)
        )
        run = rows.finished(session, job, ["anger"] * 3)
        attempt = rows.attempt(session, run, body=b"{}", status=200, headers={}, cost_nano=5000)
    before = client.get(f"/v1/attempts/{attempt.id}").json()
    with database.write.begin() as session:
        retention.drop(session, run.id, ended_before=NOW + timedelta(seconds=1), now=LATER)

    after = client.get(f"/v1/attempts/{attempt.id}").json()
    rescored = client.post(f"/v1/runs/{run.id}/rescore")
    exported = client.get(f"/v1/runs/{run.id}/attempts/export").json()

    assert (before["body"], before["dropped_at"], before["dropped_because"]) == ("{}", None, None)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"body", "headers", "body_sha256", "dropped_at", "dropped_because"}
    assert after["body_sha256"] == sha256(b"{}").hexdigest()
    assert after["dropped_at"] == "2026-01-01T13:00:00Z"
    assert "GERBENCH_KEEP_RAW_DAYS" in after["dropped_because"]
    assert (exported["body"], exported["body_sha256"]) == (None, after["body_sha256"])
    problem = rescored.json()
    assert (rescored.status_code, problem["type"]) == (409, "/problems/raw_dropped")
    assert "were dropped on 2026-01-01" in problem["detail"]
