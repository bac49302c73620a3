"""Audits: which runs can be asked again one by one, and about which samples."""

from uuid import UUID

import pytest

from core import audits, closing, jobs, models, runs
from core.db import Database
from core.errors import Conflict, KeyReused, NotFound
from core.rules.specs import ModelSpec
from core.rules.states import Status
from core.rules.submissions import Submission
from core.tables import Dataset, Job, Run
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Origin
from tests import rows
from tests.rows import LATER, NOW


@pytest.fixture
def audited(database: Database) -> UUID:
    """A completed run over 12 of 30 samples, 4 a request."""
    with database.write.begin() as session:
        rows.dataset(session, 30)
        rows.model(session)
        rows.template(session)
        asked = Submission.model_validate(
            {
                "dataset": "moods",
                "models": ["local"],
                "conditions": {"template": ["plain"]},
                "batch_size": 4,
                "sample_limit": 12,
                "seed": 9,
            }
        )
        job = jobs.submit(session, asked, idempotency_key=None, now=NOW)
        (run,) = jobs.runs_of(session, [job.id])
        run.status, run.finished_at, run.answered = Status.COMPLETED, NOW, 12
        rows.template(session, version=2)
        return run.id


def audit(database: Database, run_id: UUID, key: str | None = None, **asked: int) -> Run:
    with database.write.begin() as session:
        job = audits.audit(
            session,
            run_id,
            samples=asked.get("samples", 5),
            seed=asked.get("seed", 1),
            idempotency_key=key,
            now=LATER,
        )
        return jobs.runs_of(session, [job.id])[0]


def order(database: Database, run_id: UUID) -> list[int]:
    with database.read() as session:
        return [int(each) for each in runs.ordered_samples(session, runs.get(session, run_id))]


def test_an_audit_is_the_run_again_one_sample_a_request(database: Database, audited: UUID) -> None:
    made = audit(database, audited)

    with database.read() as session:
        of, job = runs.get(session, audited), session.get_one(Job, made.job_id)
    kept = ("dataset_id", "model_id", "template_id", "condition")
    assert [getattr(made, name) for name in kept] == [getattr(of, name) for name in kept]
    assert made.condition["template"] == "plain@1"
    assert (made.batch_size, made.samples, made.samples_of) == (1, 5, audited)
    assert job.submission["tags"] == {"audit": str(audited)}


def test_its_samples_are_drawn_from_those_that_the_run_asked_about(
    database: Database, audited: UUID
) -> None:
    asked = order(database, audited)

    drawn = {seed: order(database, audit(database, audited, seed=seed).id) for seed in range(20)}

    assert all(len(set(ids)) == 5 and set(ids) <= set(asked) for ids in drawn.values())
    assert set().union(*drawn.values()) == set(asked)
    assert drawn[1] == order(database, audit(database, audited, seed=1).id)
    assert drawn[9] != asked[:5]


def test_more_samples_than_the_run_has_are_all_of_them(database: Database, audited: UUID) -> None:
    made = audit(database, audited, samples=1000)

    assert made.samples == 12
    assert set(order(database, made.id)) == set(order(database, audited))


def test_the_same_key_makes_one_audit(database: Database, audited: UUID) -> None:
    first, again = audit(database, audited, "k"), audit(database, audited, "k")

    assert first.id == again.id
    with pytest.raises(KeyReused):
        audit(database, audited, "k", seed=2)


def test_a_run_that_is_not_there_or_not_complete_cannot_be_audited(
    database: Database, audited: UUID
) -> None:
    running = audit(database, audited)
    with database.write.begin() as session:
        runs.get(session, running.id).batch_size = 1

    with pytest.raises(NotFound):
        audit(database, UUID(int=0))
    with pytest.raises(Conflict, match="is queued: audit it once it is completed"):
        audit(database, running.id)


def test_a_run_of_single_samples_has_no_batching(database: Database, audited: UUID) -> None:
    single = audit(database, audited)
    with database.write.begin() as session:
        run = runs.get(session, single.id)
        run.status, run.finished_at, run.answered = Status.COMPLETED, NOW, 5
        closing.store(session, run, now=NOW)

    with pytest.raises(Conflict, match="one sample at a time"):
        audit(database, single.id)


def test_a_published_run_cannot_be_asked_again(database: Database, audited: UUID) -> None:
    with database.write.begin() as session:
        of = runs.get(session, audited)
        session.add(
            Run(
                team_id=DEFAULT_ID,
                id=UUID(int=7),
                origin=Origin.PUBLISHED,
                system="gpt-4v",
                dataset_id=session.get_one(Dataset, of.dataset_id).id,
                condition=of.condition,
                repeat=1,
                position=0,
                seed=0,
                batch_size=20,
                samples=12,
                status=Status.COMPLETED,
                finished_at=NOW,
            )
        )

    with pytest.raises(Conflict, match="published by others"):
        audit(database, UUID(int=7))


def test_a_model_that_took_the_name_is_not_asked(database: Database, audited: UUID) -> None:
    with database.write.begin() as session:
        models.delete(session, "local", now=NOW)
    with pytest.raises(NotFound, match="no model 'local'"):
        audit(database, audited)

    other = {"name": "local", "base_url": "http://127.0.0.1:9/v1", "model": "another"}
    with database.write.begin() as session:
        models.create(session, ModelSpec.model_validate(other), now=LATER)
    with pytest.raises(Conflict, match="another has its name"):
        audit(database, audited)
