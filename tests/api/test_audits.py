"""Audits of batching over REST."""

from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from core.db import Database
from core.tables import Job, Run
from tests import rows

A, H, S = rows.LABELS


@pytest.fixture
def run(client: TestClient, database: Database) -> str:
    """A completed run over six samples, three a request."""
    with database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 6), rows.model(session), rows.template(session)
        )
        return str(rows.finished(session, job, [A, H, S, A, H, S], batch_size=3).id)


def test_an_audit_is_accepted_and_told(client: TestClient, run: str) -> None:
    response = client.post(f"/v1/runs/{run}/audit", json={"samples": 4, "seed": 2})

    job = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert client.get(response.headers["Location"]).json() == job
    (made,) = job["runs"]
    assert (made["samples_of"], made["seed"], made["progress"]["samples"]) == (run, 2, 4)
    assert (made["batch_size"], made["batch_asked"]) == (1, 1)
    assert made["condition"] == client.get(f"/v1/runs/{run}").json()["condition"]
    assert job["tags"] == {"audit": run}


def test_without_a_body_it_is_over_a_hundred_samples(client: TestClient, run: str) -> None:
    (made,) = client.post(f"/v1/runs/{run}/audit").json()["runs"]

    assert (made["progress"]["samples"], made["seed"]) == (6, 1)


def test_the_same_key_makes_one_audit(client: TestClient, run: str) -> None:
    place, headers = f"/v1/runs/{run}/audit", {"Idempotency-Key": "k"}

    first = client.post(place, headers=headers).json()
    again = client.post(place, json={"samples": 100}, headers=headers).json()
    other = client.post(place, json={"samples": 2}, headers=headers)

    assert first["id"] == again["id"]
    assert other.status_code == 409


def test_what_cannot_be_audited_is_a_problem(
    client: TestClient, database: Database, run: str
) -> None:
    audit = client.post(f"/v1/runs/{run}/audit").json()["runs"][0]["id"]

    assert client.post(f"/v1/runs/{uuid4()}/audit").status_code == 404
    refused = client.post(f"/v1/runs/{audit}/audit")
    assert refused.status_code == 409
    assert "audit it once it is completed" in refused.json()["detail"]
    for body, place in (({"samples": 0}, "samples"), ({"sample": 1}, "sample")):
        wrong = client.post(f"/v1/runs/{run}/audit", json=body)
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["pointer"] == f"/body/{place}"


def test_its_answers_are_compared_with_those_of_the_run(
    client: TestClient, database: Database, run: str
) -> None:
    with database.write.begin() as session:
        of = session.get_one(Run, UUID(run))
        job = session.get_one(Job, of.job_id)
        audit = rows.finished(session, job, [A, H, A], batch_size=1, batch_asked=1, samples_of=of)
        own = str(audit.id)

    found = client.get("/v1/analyses/position", params={"run": [run, own]}).json()

    (sizes,) = found["sizes"]
    assert (sizes["first_size"], sizes["second_size"]) == (1, 3)
    compared = sizes["compared"]
    assert (compared["first"], compared["second"], compared["samples"]) == (own, run, 3)
    assert (compared["changed"], compared["p"]) == (1, 1.0)
    assert compared["metrics"]["accuracy"]["difference"] == pytest.approx(1 / 3)
    assert len(compared["metrics"]["accuracy"]["ci95"]) == len(compared["flip_ci95"]) == 2
