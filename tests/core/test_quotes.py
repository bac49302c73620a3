"""Quotes from the database: history, the queue, and what requests are really built from."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from core import datasets, jobs, models, prompts, runs
from core.db import Database
from core.errors import InvalidInput, NotFound
from core.media.refs import from_json
from core.prompts import RunContext, SampleInput
from core.rules.classes import Classes
from core.rules.pacing import Bound
from core.rules.quotes import Quote
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.states import Status
from core.rules.submissions import Submission
from core.rules.tokens import estimate
from core.tables import Attempt, Job, Run, Template
from core.vocabulary import Modality, Task
from tests import drawn, rows
from tests.importing import Service, draw_faces, faces
from tests.rows import LATER, NOW

BODY = {"dataset": "moods", "models": ["local"], "conditions": {"template": ["plain"]}}
PRICES = {"input_per_mtok": 1, "output_per_mtok": 2}


@pytest.fixture
def ready(database: Database) -> Database:
    """A database with the dataset `moods` of 30 samples, a model and a template."""
    with database.write.begin() as session:
        rows.dataset(session, 30)
        rows.model(session, prices=PRICES, limits={"rpm": 60})
        rows.template(session)
    return database


def quote(database: Database, **body: Any) -> Quote:
    with database.read() as session:
        return jobs.quote(session, Submission.model_validate({**BODY, **body}), now=NOW)


def submit(database: Database, **body: Any) -> Job:
    with database.write.begin() as session:
        asked = Submission.model_validate({**BODY, **body})
        return jobs.submit(session, asked, idempotency_key=None, now=NOW)


def complete(session: Session, run: Run, **totals: int) -> None:
    """Let a run have completed with these totals."""
    run.status, run.started_at, run.finished_at = Status.COMPLETED, NOW, NOW
    for name, value in totals.items():
        setattr(run, name, value)
    session.flush()


def test_a_quote_stores_nothing_and_a_job_keeps_the_same_one(ready: Database) -> None:
    quoted = quote(ready, repeats=3, sample_limit=25)

    with ready.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
        assert session.scalar(select(func.count()).select_from(Run)) == 0
    assert Quote.model_validate(submit(ready, repeats=3, sample_limit=25).quote) == quoted
    assert [(run.repeats, run.samples, run.requests) for run in quoted.runs] == [(3, 25, 2)]
    assert (quoted.samples, quoted.requests, quoted.bound_by) == (75, 6, Bound.RPM)
    assert quoted.runs[0].condition["template"] == "plain@1"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"dataset": "none"}, NotFound),
        ({"models": ["none"]}, NotFound),
        ({"conditions": {"template": ["none"]}}, NotFound),
        ({"conditions": {"modality": ["image"]}}, InvalidInput),
    ],
)
def test_what_could_not_be_submitted_cannot_be_quoted(
    ready: Database, body: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        quote(ready, **body)


def test_without_a_past_the_overhead_is_not_known(ready: Database) -> None:
    quoted = quote(ready)

    assert quoted.overhead is None
    assert quoted.models[0].latency_s is None


def test_past_runs_of_the_task_tell_and_those_of_the_dataset_tell_better(ready: Database) -> None:
    with ready.write.begin() as session:
        model, template = models.get(session, "local"), session.scalars(select(Template)).one()
        other = rows.job(session, rows.dataset(session, 40, name="other"), model, template)
        (run,) = jobs.runs_of(session, [other.id])
        complete(session, run, answered=36, refused=4, requests=20, completion_tokens=360)
    of_task = quote(ready)
    made = submit(ready)
    with ready.write.begin() as session:
        (run,) = jobs.runs_of(session, [made.id])
        complete(session, run, answered=30, requests=2, completion_tokens=600, cost_nano=10)

    of_dataset = quote(ready)

    assert of_task.runs[0].overhead is not None
    assert of_dataset.runs[0].overhead is not None
    assert (of_task.runs[0].overhead.of, of_dataset.runs[0].overhead.of) == ("task", "dataset")
    # 10 requests more than the 10 planned and 8 more tries, over 40 samples.
    assert of_task.runs[0].overhead.requests == round(18 / 40 * 30)
    assert of_dataset.runs[0].overhead.requests == 0
    assert (of_task.completion_tokens, of_dataset.completion_tokens) == (300, 600)


@pytest.mark.parametrize(
    ("status", "priority", "ahead"),
    [
        (Status.RUNNING, 1, 6),
        (Status.RUNNING, 0, 2),
        (Status.RUNNING, -1, 0),
        (Status.QUEUED, 1, 6),
        (Status.PAUSED, 1, 0),
        (Status.CANCELLED, 1, 0),
    ],
)
def test_what_else_is_queued_counts_by_status_and_priority(
    ready: Database, status: Status, priority: int, ahead: int
) -> None:
    other = submit(ready, priority=priority, batch_size=5)
    with ready.write.begin() as session:
        (run,) = jobs.runs_of(session, [other.id])
        run.status = status
        run.finished_at = NOW if status is Status.CANCELLED else None

    (model,) = quote(ready).models

    assert (model.requests, model.ahead) == (2, ahead)
    assert model.seconds == pytest.approx(model.requests + ahead + 10.0)


def test_a_batch_job_is_quoted_at_half_the_price_within_a_day(ready: Database) -> None:
    online, batched = quote(ready), quote(ready, dispatch="batch")

    assert online.usd is not None
    assert batched.usd == pytest.approx(online.usd / 2, abs=1e-9)
    assert (batched.bound_by, batched.seconds) == (Bound.BATCH, 86_400)
    assert batched.requests == online.requests


def test_files_stand_in_the_way_of_no_calls(ready: Database) -> None:
    submit(ready, dispatch="batch", priority=9, batch_size=1)

    assert quote(ready).models[0].ahead == 0


def test_only_the_pending_samples_of_others_are_ahead(ready: Database) -> None:
    other = submit(ready, priority=1, batch_size=5)
    with ready.write.begin() as session:
        (run,) = jobs.runs_of(session, [other.id])
        run.answered, run.refused = 15, 4

    assert quote(ready).models[0].ahead == 3


def test_the_tokens_of_others_are_those_that_their_quotes_say(database: Database) -> None:
    with database.write.begin() as session:
        rows.dataset(session, 30)
        rows.model(session, limits={"tpm": 1000})
        rows.template(session)
    own = quote(database)
    submit(database, priority=1, repeats=3)

    behind = quote(database)

    assert (own.bound_by, behind.bound_by) == (Bound.TPM, Bound.TPM)
    assert own.seconds is not None
    assert behind.seconds is not None
    assert own.seconds == pytest.approx(own.models[0].tokens / 1000 * 60 + 10, abs=0.01)
    assert behind.seconds == pytest.approx(4 * (own.seconds - 10) + 10, abs=0.01)


def test_the_latency_is_that_of_the_last_answers(ready: Database) -> None:
    made = submit(ready)
    with ready.write.begin() as session:
        (run,) = jobs.runs_of(session, [made.id])
        run.answered, run.started_at = 10, NOW
        runs.plan(session, run, runs.ordered_samples(session, run), at=0, now=NOW)
        rows.past_attempts(session, run, 3, NOW)
        for place, attempt in enumerate(session.scalars(select(Attempt))):
            attempt.latency_s = 1.0 + place

    assert quote(ready).models[0].latency_s == 2.0


def test_calls_of_the_last_day_count_against_its_limit(database: Database) -> None:
    with database.write.begin() as session:
        of, asking = rows.dataset(session, 30), rows.template(session)
        model = rows.model(session, limits={"rpm": 60, "rpd": 10})
        made = rows.job(session, of, model, asking)
        (run,) = jobs.runs_of(session, [made.id])
        runs.plan(session, run, runs.ordered_samples(session, run), at=0, now=NOW)
        complete(session, run, attempts=12)
        rows.past_attempts(session, run, 5, NOW - timedelta(hours=30))
        run.finished_at = LATER
    free = quote(database, batch_size=3)
    with database.write.begin() as session:
        for attempt in session.scalars(select(Attempt)):
            attempt.sent_at = NOW - timedelta(hours=3)
    used = quote(database, batch_size=3)

    assert (free.bound_by, used.bound_by) == (Bound.RPM, Bound.RPD)
    assert free.seconds is not None
    assert used.seconds is not None
    assert free.seconds < 60
    assert used.seconds == pytest.approx(86_400 + 5 + 10, abs=1)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_no_sample_is_read_for_a_quote(ready: Database) -> None:
    with statements(ready) as seen:
        quote(ready)

    assert seen
    assert not [each for each in seen if "FROM samples" in each or "JOIN samples" in each]


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    service = Service(tmp_path, database_url)
    yield service
    service.database.close()


def reserved(service: Service, job: Job) -> int:
    """Return the tokens that a worker reserves for all requests of a job's one run."""
    total = 0
    with service.database.write.begin() as session:
        (run,) = jobs.runs_of(session, [job.id])
        runs.plan(session, run, runs.ordered_samples(session, run), at=0, now=NOW)
        spec = DatasetSpec.model_validate(datasets.get(session, "faces").spec)
        context = RunContext(
            Condition.model_validate(run.condition),
            session.get_one(Template, run.template_id).text,
            spec.labels,
            Classes.of(spec),
        )
        model = ModelSpec.model_validate(models.get(session, "local").spec)
        samples = {
            each.id: SampleInput(each.target, each.target_number, each.text, from_json(each.media))
            for each in datasets.samples(
                session, datasets.get(session, "faces"), after=None, limit=100
            ).rows
        }
        for request in runs.requests(session, run, after=None, limit=100).rows:
            prompt = prompts.write(
                service.store, context, [samples[each] for each in request.sample_ids]
            )
            total += estimate(
                prompt, context.condition.detail, model.image_tokens, model.max_tokens
            )
    return total


@pytest.mark.parametrize("rule", ["tiles", "patches"])
@pytest.mark.parametrize("longest_side", [None, 24])
def test_images_are_quoted_as_the_worker_reserves_for_them(
    service: Service, tmp_path: Path, rule: str, longest_side: int | None
) -> None:
    service.take(draw_faces(tmp_path / "faces", 13))
    with service.database.write.begin() as session:
        rows.model(session, image_tokens=rule)
        rows.template(session, Task.FACIAL_EMOTION, Modality.IMAGE)
    conditions = {"template": ["plain"], "detail": ["high"], "longest_side": [longest_side]}
    body = {"dataset": "faces", "conditions": conditions, "batch_size": 5}

    job = submit(service.database, **body)

    quoted = Quote.model_validate(job.quote)
    assert quoted.requests == 3
    assert quoted.prompt_tokens + quoted.most_completion_tokens == reserved(service, job)


def test_frames_are_quoted_as_the_worker_reserves_for_them(
    service: Service, tmp_path: Path
) -> None:
    for number in range(7):
        for frame in range(1 + number):
            drawn.write(
                tmp_path / "clips" / ("anger", "happy")[number % 2] / str(number) / f"{frame}.png",
                drawn.image(".png", seed=10 * number + frame),
            )
    spec = faces(task=Task.DYNAMIC_FACIAL_EMOTION, modality=Modality.VIDEO)
    service.take(tmp_path / "clips", spec)
    with service.database.write.begin() as session:
        rows.model(session)
        rows.template(session, Task.DYNAMIC_FACIAL_EMOTION, Modality.VIDEO)
    conditions = {"template": ["plain"], "detail": ["high"], "frames": [3]}

    job = submit(service.database, dataset="faces", conditions=conditions, batch_size=2)

    quoted = Quote.model_validate(job.quote)
    assert quoted.prompt_tokens + quoted.most_completion_tokens == reserved(service, job)
