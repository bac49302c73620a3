"""Jobs: what a submission becomes, and how jobs are moved."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from core import closing, jobs, runs
from core.db import Database
from core.errors import IllegalMove, InvalidInput, KeyReused, NotFound
from core.rules.states import Status
from core.rules.submissions import Submission
from core.tables import Job, Request, Run, Score
from core.vocabulary import Cause
from tests import rows
from tests.core.conftest import Queue
from tests.rows import LATER, NOW


@pytest.fixture
def ready(database: Database) -> Database:
    """A database with the dataset `moods` of 10 samples, two models and a template."""
    with database.write.begin() as session:
        rows.dataset(session, 10)
        rows.model(session)
        rows.model(session, "other")
        rows.template(session)
    return database


def submit(database: Database, key: str | None = None, **body: Any) -> UUID:
    asked = {"dataset": "moods", "models": ["local"], "conditions": {"template": ["plain"]}, **body}
    with database.write.begin() as session:
        submission = Submission.model_validate(asked)
        return jobs.submit(session, submission, idempotency_key=key, now=NOW).id


def runs_of(database: Database, job_id: UUID) -> list[Run]:
    with database.read() as session:
        return jobs.runs_of(session, [job_id])


def test_a_job_is_a_run_for_each_model_condition_and_repeat(ready: Database) -> None:
    job_id = submit(ready, models=["local", "other"], repeats=3, seed=7, sample_limit=4)

    made = runs_of(ready, job_id)

    assert [(run.repeat, run.position) for run in made] == [
        (1, 0), (2, 1), (3, 2), (1, 3), (2, 4), (3, 5),
    ]  # fmt: skip
    assert {run.model_id for run in made[:3]} != {run.model_id for run in made[3:]}
    assert {(run.seed, run.samples, run.status) for run in made} == {(7, 4, Status.QUEUED)}


def test_each_batch_size_that_differs_makes_runs(ready: Database) -> None:
    job_id = submit(ready, batch_size=[20, 1, 20], repeats=2)

    made = runs_of(ready, job_id)

    assert [(run.batch_size, run.batch_asked, run.repeat) for run in made] == [
        (1, 1, 1), (1, 1, 2), (20, 20, 1), (20, 20, 2),
    ]  # fmt: skip
    assert [run.position for run in made] == [0, 1, 2, 3]


def test_a_batch_size_that_nobody_asked_for_is_the_usual_one(ready: Database) -> None:
    (run,) = runs_of(ready, submit(ready))

    assert (run.batch_size, run.batch_asked) == (20, None)


def test_batch_sizes_count_towards_the_runs_of_a_job(ready: Database) -> None:
    with pytest.raises(InvalidInput, match="10010 runs in one job"):
        submit(ready, batch_size=list(range(1, 12)), repeats=910)


def test_a_job_may_ask_about_samples_of_another_run(ready: Database) -> None:
    (first,) = runs_of(ready, submit(ready, sample_limit=6, seed=3))

    drawn = runs_of(ready, submit(ready, samples_of=str(first.id), sample_limit=4, seed=3))[0]
    every = runs_of(ready, submit(ready, samples_of=str(first.id), sample_limit=50, seed=5))[0]
    inner = runs_of(ready, submit(ready, samples_of=str(drawn.id)))[0]

    with ready.read() as session:
        order, subset, shuffled, within = (
            runs.ordered_samples(session, run).tolist() for run in (first, drawn, every, inner)
        )
    assert (drawn.samples, every.samples, inner.samples) == (4, 6, 4)
    assert set(subset) < set(order) == set(shuffled)
    assert subset != order[:4]
    assert set(within) == set(subset)


def test_samples_of_a_run_over_another_dataset_are_refused(ready: Database) -> None:
    (other,) = runs_of(ready, submit(ready))
    with ready.write.begin() as session:
        rows.dataset(session, 5, name="lone")

    with pytest.raises(InvalidInput, match="over another dataset than lone@"):
        submit(ready, dataset="lone", samples_of=str(other.id))
    with pytest.raises(NotFound, match="no run"):
        submit(ready, samples_of="00000000-0000-4000-8000-000000000000")


def test_a_template_is_pinned_to_its_version(ready: Database) -> None:
    made = runs_of(ready, submit(ready))

    assert made[0].condition["template"] == "plain@1"


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ({"dataset": "none"}, NotFound, "none"),
        ({"models": ["none"]}, NotFound, "none"),
        ({"conditions": {"template": ["none"]}}, NotFound, "none"),
        ({"conditions": {"modality": ["image"]}}, InvalidInput, "cannot show image"),
        (
            {"repeats": 1000, "conditions": {"template": [f"t{n}" for n in range(12)]}},
            InvalidInput,
            "12000 runs in one job; at most 10000",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    ready: Database, body: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        submit(ready, **body)

    with ready.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_the_same_key_and_body_make_one_job_even_at_once(ready: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: submit(ready, key="k1"), range(8)))

    assert len(set(made)) == 1
    assert len(runs_of(ready, made[0])) == 1


def test_a_key_with_another_body_is_refused(ready: Database) -> None:
    submit(ready, key="k1")

    with pytest.raises(KeyReused, match="use a new key"):
        submit(ready, key="k1", repeats=2)


def test_a_planned_job_runs_and_ends_with_its_last_run(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        jobs.follow(session, queue.job_id, now=NOW)
        assert jobs.get(session, queue.job_id).status is Status.RUNNING

        assert runs.move(session, queue.run_id, Status.COMPLETED, reason=None, now=LATER)
        jobs.follow(session, queue.job_id, now=LATER)

    with queue.database.read() as session:
        job = jobs.get(session, queue.job_id)
    assert (job.status, job.started_at, job.finished_at) == (Status.COMPLETED, NOW, LATER)


def test_pause_resume_and_cancel_move_every_run_that_may(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        assert jobs.pause(session, queue.job_id, now=NOW).status is Status.PAUSED
        with pytest.raises(IllegalMove, match="a job that is paused cannot be paused"):
            jobs.pause(session, queue.job_id, now=NOW)
        assert jobs.resume(session, queue.job_id, now=NOW).status is Status.RUNNING
        with pytest.raises(IllegalMove):
            jobs.resume(session, queue.job_id, now=NOW)
        assert jobs.cancel(session, queue.job_id, now=NOW).status is Status.CANCELLED
        for verb in (jobs.pause, jobs.resume, jobs.cancel, jobs.retry):
            with pytest.raises(IllegalMove):
                verb(session, queue.job_id, now=NOW)
    assert queue.run().finished_at == NOW


def test_a_stopped_run_says_why(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        jobs.stop(session, queue.run_id, "env:KEY was rejected: no such key", now=NOW)

    assert queue.run().status is Status.PAUSED
    assert queue.run().reason == "env:KEY was rejected: no such key"


def test_a_run_without_an_answer_fails_and_retry_asks_again(queue: Queue) -> None:
    from_request = "no model named fer"
    with queue.database.write.begin() as session:
        for request in session.scalars(select(Request)):
            request.state, request.finished_at = "failed", NOW  # type: ignore[assignment]
            request.reason = from_request
        run = runs.get(session, queue.run_id)
        run.failed = 10
        rows.fail_all(session, run)
        closing.close(session, run.id, now=NOW)
        jobs.follow(session, queue.job_id, now=NOW)
    assert (queue.run().status, queue.run().reason) == (Status.FAILED, from_request)

    with queue.database.write.begin() as session:
        jobs.retry(session, queue.job_id, now=LATER)

    with queue.database.read() as session:
        job = jobs.get(session, queue.job_id)
        again = session.scalars(select(Request).where(Request.cause == Cause.RETRY)).all()
        assert session.scalars(select(Score)).all() == []
    assert (job.status, job.finished_at) == (Status.RUNNING, None)
    assert sum(len(request.sample_ids) for request in again) == 10
    assert (queue.run().failed, queue.run().requests) == (0, 6)


def test_nothing_to_retry_is_said(queue: Queue) -> None:
    with (
        queue.database.write.begin() as session,
        pytest.raises(IllegalMove, match="none of its samples failed"),
    ):
        jobs.retry(session, queue.job_id, now=NOW)


def test_a_closed_run_keeps_its_figures(queue: Queue) -> None:
    with queue.database.write.begin() as session:
        run = runs.get(session, queue.run_id)
        run.answered = 10
        rows.answer_all(session, run, "happiness")
        ended = closing.close(session, run.id, now=NOW), closing.close(session, run.id, now=LATER)

    assert ended == (True, False)
    with queue.database.read() as session:
        figures = closing.stored(session, runs.get(session, queue.run_id))
        page = closing.page(session, after=None, limit=10, dataset="moods", model="local")
    assert (figures.answered, figures.samples, figures.pending) == (10, 10, 0)
    assert figures.accuracy.value == pytest.approx(0.3)
    assert [run.id for run in page.rows] == [queue.run_id]
    assert queue.run().status is Status.COMPLETED


def test_the_figures_of_a_run_under_way_say_what_is_pending(queue: Queue) -> None:
    with queue.database.read() as session:
        figures = closing.stored(session, runs.get(session, queue.run_id))

    assert (figures.samples, figures.pending, figures.accuracy.value) == (10, 10, None)
