"""Jobs and runs over REST, and all that is under them."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core import attempts, closing, jobs, leases, runs, settling
from core.attempts import Heard, Opened, Opening
from core.db import Database
from core.rules.readings import Answer, Exchange, Parsed, Reading, Usage
from core.rules.strategy import decide
from core.settling import Settlement
from core.spending import Books
from core.tables import Prediction, Run
from core.vocabulary import Result
from tests import replies, rows
from tests.rows import NOW

BODY = {"dataset": "moods", "models": ["local"], "conditions": {"template": ["plain"]}}


@pytest.fixture
def ready(client: TestClient, database: Database) -> TestClient:
    """A client of a service with a dataset of 6 samples and a model."""
    with database.write.begin() as session:
        rows.dataset(session, 6)
        rows.model(session, prices={"input_per_mtok": 1, "output_per_mtok": 2})
        rows.template(session)
    return client


@pytest.fixture
def job(ready: TestClient) -> dict[str, Any]:
    """A job of one run, submitted."""
    made: dict[str, Any] = ready.post("/v1/jobs", json=BODY).json()
    return made


@pytest.fixture
def answered(job: dict[str, Any], database: Database) -> dict[str, Any]:
    """A job whose one request of 6 samples has been answered but for the last."""
    with database.write.begin() as session:
        run = session.scalars(select(Run)).one()
        runs.plan(session, run, runs.ordered_samples(session, run), at=0, now=NOW)
        jobs.follow(session, jobs.owner(run), now=NOW)
        request = leases.lease(
            session, rows.model_of(run), owner="me", slots=1, now=NOW, lasts=rows.LATER - NOW
        )[0]
        opening = Opening(
            request, "me", "anonymous", {"model": "fer"}, "0" * 64, NOW, 2_500_000_000
        )
        with Books(session) as books:
            opened = attempts.open_all(session, [opening], books)[0]
        assert isinstance(opened, Opened)
        reading = Reading(Result.ANSWERED, text="…", usage=Usage(1_000_000, 500_000))
        parsed = Parsed({slot: Answer(("anger", "sadness")) for slot in range(5)})
        verdict = decide(request.asked, reading, parsed, refusal=False, jitter=0.0)
        exchange = Exchange(200, {"x-request-id": "r1"}, b'{"raw": "\xff"}', 0.5)
        heard = Heard(opened.id, exchange, reading, 2_000_000_000, NOW)
        right = [frozenset({"anger"})] * 6
        settlement = Settlement(request, "me", verdict, NOW, None, right, heard)
        with Books(session) as books:
            settling.settle_all(session, [settlement], books)
    return job


def test_a_submitted_job_is_accepted_and_can_be_shown(ready: TestClient) -> None:
    response = ready.post("/v1/jobs", json={**BODY, "repeats": 2, "tags": {"paper": "table-9"}})

    made = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/jobs/{made['id']}"
    assert ready.get(response.headers["Location"]).json() == made
    assert (made["status"], made["tags"], len(made["runs"])) == (
        "queued",
        {"paper": "table-9"},
        2,
    )
    assert made["progress"]["samples"] == made["progress"]["pending"] == 12
    assert made["runs"][0]["condition"]["template"] == "plain@1"


def test_the_same_idempotency_key_makes_one_job(ready: TestClient) -> None:
    headers = {"Idempotency-Key": "k1"}

    first = ready.post("/v1/jobs", json=BODY, headers=headers)
    again = ready.post("/v1/jobs", json=BODY, headers=headers)
    other = ready.post("/v1/jobs", json={**BODY, "seed": 1}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["type"] == "/problems/idempotency_key_reused"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"dataset": "none"}, 404, "none"),
        ({"models": ["none"]}, 404, "none"),
        ({"conditions": {"template": ["plain"], "modality": ["video"]}}, 422, "cannot show video"),
        ({"batch_size": 0}, 422, "/body/batch_size"),
        ({"models": []}, 422, "/body/models"),
        ({"budget": 5}, 422, "/body/budget"),
        ({"repeats": 10**30}, 422, "/body/repeats"),
    ],
)
def test_a_job_that_makes_no_sense_is_a_problem(
    ready: TestClient, change: dict[str, Any], status: int, words: str
) -> None:
    response = ready.post("/v1/jobs", json={**BODY, **change})

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert words in response.text
    assert ready.get("/v1/jobs").json()["items"] == []


def test_jobs_are_listed_by_status_the_latest_first(ready: TestClient) -> None:
    ids = [ready.post("/v1/jobs", json=BODY).json()["id"] for _ in range(3)]
    ready.post(f"/v1/jobs/{ids[0]}/cancel")

    page = ready.get("/v1/jobs", params={"limit": 2}).json()
    rest = ready.get("/v1/jobs", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    queued = ready.get("/v1/jobs", params={"status": "queued"}).json()

    assert [job["id"] for job in page["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert [job["id"] for job in queued["items"]] == ids[:0:-1]


def test_a_job_is_paused_resumed_and_cancelled(ready: TestClient, job: dict[str, Any]) -> None:
    def move(verb: str) -> tuple[int, str]:
        response = ready.post(f"/v1/jobs/{job['id']}/{verb}")
        return response.status_code, response.json()["status"]

    assert move("pause") == (200, "paused")
    assert move("resume") == (200, "running")
    assert move("cancel") == (200, "cancelled")
    assert ready.post(f"/v1/jobs/{job['id']}/resume").status_code == 409
    assert ready.post(f"/v1/jobs/{job['id']}/retry").status_code == 409


@pytest.mark.parametrize(
    "path",
    [
        "jobs/{id}",
        "runs/{id}",
        "runs/{id}/metrics",
        "runs/{id}/scores",
        "runs/{id}/predictions",
        "runs/{id}/requests",
    ],
)
def test_what_does_not_exist_is_not_found(client: TestClient, path: str) -> None:
    response = client.get(f"/v1/{path.format(id=uuid4())}")

    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not_found"


def test_progress_and_cost_agree_with_what_was_settled(
    ready: TestClient, answered: dict[str, Any]
) -> None:
    shown = ready.get(f"/v1/jobs/{answered['id']}").json()

    assert shown["status"] == "running"
    assert shown["progress"] == {
        "samples": 6,
        "answered": 5,
        "refused": 0,
        "unparsed": 0,
        "failed": 0,
        "pending": 1,
        "requests": 2,
        "attempts": 1,
        "unknown_attempts": 0,
    }
    assert shown["cost"] == {
        "usd": 2.0,
        "lost_usd": 0.0,
        "prompt_tokens": 1_000_000,
        "completion_tokens": 500_000,
    }
    # Its calls are of long ago, and nobody would make another.
    assert (shown["eta_seconds"], shown["eta"]) == (None, None)
    assert shown["stalled"]["code"] == shown["runs"][0]["stalled"]["code"] == "no_worker"
    assert shown["reason"] == shown["runs"][0]["reason"] == shown["stalled"]["detail"]


def test_the_tree_of_requests_tells_what_was_split_and_why(
    ready: TestClient, answered: dict[str, Any]
) -> None:
    run = answered["runs"][0]["id"]

    parent, child = ready.get(f"/v1/runs/{run}/requests").json()["items"]

    assert (parent["state"], parent["size"], parent["attempts"]) == ("split", 6, 1)
    assert (child["parent_id"], child["cause"], child["size"]) == (parent["id"], "missing", 1)
    assert set(child["sample_ids"]) <= set(parent["sample_ids"])


def test_an_attempt_is_shown_verbatim(ready: TestClient, answered: dict[str, Any]) -> None:
    run = answered["runs"][0]["id"]

    (listed,) = ready.get(f"/v1/runs/{run}/attempts").json()["items"]
    shown = ready.get(f"/v1/attempts/{listed['id']}").json()

    assert listed == {name: shown[name] for name in listed}
    assert (shown["status"], shown["cost_usd"], shown["latency_s"]) == (200, 2.0, 0.5)
    assert shown["headers"] == {"x-request-id": "r1"}
    assert shown["sent"] == {"model": "fer"}
    assert shown["body"].startswith('{"raw": "')


def test_predictions_are_paged_with_their_samples(
    ready: TestClient, answered: dict[str, Any]
) -> None:
    run = answered["runs"][0]["id"]

    page = ready.get(f"/v1/runs/{run}/predictions", params={"limit": 3}).json()
    rest = ready.get(
        f"/v1/runs/{run}/predictions", params={"limit": 3, "cursor": page["next_cursor"]}
    ).json()
    refused = ready.get(f"/v1/runs/{run}/predictions", params={"outcome": "refused"}).json()

    found = page["items"] + rest["items"]
    assert len({item["sample"]["name"] for item in found}) == 5
    assert {tuple(item["ranked"]) for item in found} == {("anger", "sadness")}
    assert refused["items"] == []


def test_metrics_of_a_run_under_way_and_of_one_that_ended(
    ready: TestClient, answered: dict[str, Any], database: Database
) -> None:
    run_id = answered["runs"][0]["id"]
    early = ready.get(f"/v1/runs/{run_id}/metrics").json()
    with database.write.begin() as session:
        closing.close(
            session,
            runs.page(session, job_id=None, status=None, after=None, limit=1).rows[0].id,
            now=NOW,
        )

    late = ready.get(f"/v1/runs/{run_id}/metrics").json()
    listed = ready.get("/v1/metrics", params={"dataset": "moods", "model": "local"}).json()
    others = ready.get("/v1/metrics", params={"task": "facial_emotion"}).json()

    assert (early["status"], early["samples"], early["pending"]) == ("running", 6, 1)
    assert early["headline"]["metric"] == "accuracy"
    assert (late["status"], late["accuracy"]) == ("completed", early["accuracy"])
    assert listed["items"] == [late]
    assert others["items"] == []


def test_a_run_that_ended_is_scored_again_from_its_stored_replies(
    ready: TestClient, job: dict[str, Any], database: Database
) -> None:
    run = job["runs"][0]["id"]
    early = ready.post(f"/v1/runs/{run}/rescore")
    with database.write.begin() as session:
        found = session.scalars(select(Run)).one()
        runs.plan(session, found, runs.ordered_samples(session, found), at=0, now=NOW)
        jobs.follow(session, jobs.owner(found), now=NOW)
    replies.answer(database, UUID(run))
    with database.write.begin() as session:
        session.execute(
            update(Prediction)
            .where(Prediction.label == "anger")
            .values(label="joy", ranked=["joy"], rank=None, in_vocabulary=False)
        )

    dry = ready.post(f"/v1/runs/{run}/rescore")
    between = ready.get(f"/v1/runs/{run}/scores").json()["items"]
    written = ready.post(
        f"/v1/runs/{run}/rescore", json={"apply": True, "note": "joy is none", "limit": 1}
    ).json()
    again = ready.post(f"/v1/runs/{run}/rescore", json={"apply": True}).json()
    newest, first = ready.get(f"/v1/runs/{run}/scores").json()["items"]

    assert (early.status_code, early.json()["type"]) == (409, "/problems/conflict")
    assert (dry.status_code, dry.json()["applied"], dry.json()["samples_changed"]) == (
        200,
        False,
        2,
    )
    assert [score["version"] for score in between] == [1]
    assert written["applied"]
    assert written["version"] == newest["version"] == 2
    assert written["outcomes_changed"] == [
        {"before": "answered", "after": "answered", "samples": 2}
    ]
    (sample,) = written["samples"]
    assert (sample["before"]["ranked"], sample["after"]["label"]) == (["joy"], "anger")
    assert (again["applied"], again["version"], again["samples_changed"]) == (False, 2, 0)
    assert (newest["note"], newest["samples_changed"], first["note"]) == ("joy is none", 2, None)
    assert newest["metrics"]["headline"]["value"] == 1.0
    assert ready.get(f"/v1/runs/{run}/metrics").json()["accuracy"]["value"] == 1.0


@pytest.mark.parametrize("body", [{"apply": "perhaps"}, {"limit": -1}, {"labels": ["anger"]}])
def test_what_cannot_be_meant_by_scoring_again_is_a_problem(
    client: TestClient, body: dict[str, Any]
) -> None:
    assert client.post(f"/v1/runs/{uuid4()}/rescore", json=body).status_code == 422


def test_new_work_is_told_of_once_it_is_committed(
    database: Database, app: FastAPI, ready: TestClient
) -> None:
    seen: list[int] = []

    def look() -> None:
        with database.read() as session:
            seen.append(len(session.scalars(select(Run)).all()))

    app.state.nudge = look

    made = ready.post("/v1/jobs", json=BODY).json()
    ready.post(f"/v1/jobs/{made['id']}/pause")
    ready.post(f"/v1/jobs/{made['id']}/resume")
    refused = ready.post(f"/v1/jobs/{made['id']}/resume")

    assert refused.status_code == 409
    assert seen == [1, 1]
