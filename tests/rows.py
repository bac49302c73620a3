"""Rows that tests start from: a dataset, a model, a template, a job and its runs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import closing, quotes
from core.rules.classes import Classes, rank
from core.rules.profiles import Profiler
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.states import ENDED, Status
from core.rules.submissions import Submission
from core.tables import (
    Attempt,
    Dataset,
    Job,
    Model,
    Prediction,
    Request,
    Run,
    Sample,
    Template,
)
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Modality, Outcome, Result, Task

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LABELS = ("anger", "happiness", "sadness")


def dataset(
    session: Session, samples: int, targets: Sequence[str | float] = LABELS, **spec: Any
) -> Dataset:
    """Store a dataset whose samples have these targets, again and again."""
    declared = DatasetSpec.model_validate(
        {
            "name": "moods",
            "task": Task.TWEET_SENTIMENT,
            "modality": Modality.TEXT,
            "labels": LABELS,
            **spec,
        }
    )
    profiler = Profiler()
    for number in range(samples):
        profiler.add(f"text {number}", ())
    made = Dataset(
        team_id=DEFAULT_ID,
        name=declared.name,
        digest=f"{samples:064d}",
        task=declared.task,
        modality=declared.modality,
        spec=declared.model_dump(mode="json"),
        sample_count=samples,
        profile=profiler.profile().to_json(),
        imported_at=NOW,
    )
    session.add(made)
    session.flush()
    for number, target in zip(range(samples), cycle(targets), strict=False):
        written = isinstance(target, str)
        session.add(
            Sample(
                dataset_id=made.id,
                name=f"s{number:05d}",
                target=target if written else None,
                target_number=None if written else target,
                text=f"text {number}",
                media=[],
            )
        )
    session.flush()
    return made


def model(session: Session, name: str = "local", **spec: Any) -> Model:
    declared = ModelSpec.model_validate(
        {"name": name, "base_url": "http://127.0.0.1:9/v1", "model": "fer", **spec}
    )
    made = Model(
        team_id=DEFAULT_ID,
        name=name,
        spec=declared.model_dump(mode="json"),
        trusted=True,
        created_at=NOW,
    )
    session.add(made)
    session.flush()
    return made


def template(
    session: Session,
    task: Task = Task.TWEET_SENTIMENT,
    modality: Modality = Modality.TEXT,
    *,
    version: int = 1,
) -> Template:
    made = Template(
        team_id=DEFAULT_ID,
        task=task,
        modality=modality,
        name="plain",
        version=version,
        text="Which of {labels}?",
    )
    session.add(made)
    session.flush()
    return made


def job(
    session: Session,
    of: Dataset,
    by: Model,
    asking: Template,
    *,
    runs: int = 1,
    batch_size: int = 4,
    priority: int = 0,
    created_at: datetime = NOW,
    canary_passed_at: datetime | None = NOW,
) -> Job:
    body = Submission(dataset=of.name, models=(by.name,), priority=priority)
    condition = Condition(modality=Modality.TEXT, template="plain@1")
    job_id = uuid4()
    planned = [
        Run(
            team_id=DEFAULT_ID,
            job_id=job_id,
            dataset_id=of.id,
            model_id=by.id,
            template_id=asking.id,
            condition=condition.model_dump(mode="json"),
            repeat=number + 1,
            position=number,
            seed=0,
            batch_size=batch_size,
            samples=of.sample_count,
            status=Status.QUEUED,
            created_at=created_at,
            canary_passed_at=canary_passed_at,
        )
        for number in range(runs)
    ]
    quoted = quotes.quote(session, of, planned, priority=priority, now=created_at)
    made = Job(
        team_id=DEFAULT_ID,
        id=job_id,
        dataset_id=of.id,
        submission=body.model_dump(mode="json"),
        quote=quoted.model_dump(mode="json"),
        priority=priority,
        created_at=created_at,
    )
    session.add(made)
    session.flush()
    session.add_all(planned)
    session.flush()
    return made


def add_run(session: Session, by: Model, *, status: Status = Status.RUNNING) -> Run:
    """Store a job with one run of a model over one sample, and all that they refer to."""
    made = job(session, dataset(session, 1), by, template(session))
    run = session.scalars(select(Run).where(Run.job_id == made.id)).one()
    for row in (made, run):
        row.status = status
        row.finished_at = NOW if status in ENDED else None
    session.flush()
    return run


def answer_all(session: Session, run: Run, label: str) -> None:
    """Give the same answer for every sample of a run."""
    _predict(session, run, outcome=Outcome.ANSWERED, label=label, in_vocabulary=True)


def fail_all(session: Session, run: Run) -> None:
    """Let every sample of a run fail."""
    _predict(session, run, outcome=Outcome.FAILED)


def _predict(session: Session, run: Run, **values: Any) -> None:
    request = session.scalars(select(Request.id).where(Request.run_id == run.id)).first()
    samples = session.scalars(select(Sample).where(Sample.dataset_id == run.dataset_id))
    session.add_all(
        Prediction(
            run_id=run.id,
            sample_id=sample.id,
            request_id=request,
            rank=1 if values.get("label") == sample.target else None,
            **values,
        )
        for sample in samples
    )
    session.flush()


def past_attempts(session: Session, run: Run, count: int, at: datetime) -> None:
    """Let a run have made some attempts that were answered at a moment."""
    request = session.scalars(select(Request.id).where(Request.run_id == run.id)).first()
    session.add_all(
        Attempt(
            request_id=request,
            run_id=run.id,
            number=number + 1,
            credential="anonymous",
            result=Result.ANSWERED,
            sent_at=at,
            finished_at=at,
            sent={},
            sent_sha256="0" * 64,
            prompt_tokens=10,
            completion_tokens=10,
        )
        for number in range(count)
    )
    session.flush()


def attempt(
    session: Session, run: Run, *, result: Result = Result.ANSWERED, **values: Any
) -> Attempt:
    """Let a run have made one attempt, for a request of its own, that ended so."""
    request = Request(run_id=run.id, sample_ids=[], not_before=NOW)
    session.add(request)
    session.flush()
    told = {"credential": "anonymous", "sent_at": NOW, "finished_at": NOW, "sent": {}, **values}
    made = Attempt(
        request_id=request.id,
        run_id=run.id,
        number=1,
        result=result,
        sent_sha256="0" * 64,
        **told,
    )
    session.add(made)
    session.flush()
    return made


def model_of(run: Run) -> UUID:
    """Return the model of a run of ours."""
    assert run.model_id is not None
    return run.model_id


def finished(
    session: Session,
    of: Job,
    answers: Sequence[str | None],
    *,
    model: Model | None = None,
    repeat: int = 1,
    batch_size: int = 4,
    batch_asked: int | None = None,
    samples_of: Run | None = None,
    **condition: Any,
) -> Run:
    """Add a completed run to a job, with these answers in the order of the dataset.

    None is a refusal; what is none of the labels is out of vocabulary. Batches are filled in order.
    """
    classes = Classes.of(DatasetSpec.model_validate(session.get_one(Dataset, of.dataset_id).spec))
    first = session.scalars(select(Run).where(Run.job_id == of.id).order_by(Run.position)).first()
    assert first is not None
    answered = sum(answer is not None for answer in answers)
    made = Run(
        team_id=DEFAULT_ID,
        job_id=of.id,
        dataset_id=of.dataset_id,
        model_id=first.model_id if model is None else model.id,
        template_id=first.template_id,
        condition={**first.condition, **condition},
        repeat=repeat,
        position=100 + repeat,
        seed=0,
        batch_size=batch_size,
        batch_asked=batch_asked,
        samples_of=None if samples_of is None else samples_of.id,
        samples=len(answers),
        answered=answered,
        refused=len(answers) - answered,
        status=Status.COMPLETED,
        created_at=NOW,
        finished_at=NOW,
    )
    session.add(made)
    session.flush()
    request = Request(run_id=made.id, sample_ids=[], not_before=NOW)
    session.add(request)
    session.flush()
    samples = session.scalars(
        select(Sample).where(Sample.dataset_id == of.dataset_id).order_by(Sample.id)
    )
    session.add_all(
        Prediction(
            run_id=made.id,
            sample_id=sample.id,
            request_id=request.id,
            outcome=Outcome.REFUSED if answer is None else Outcome.ANSWERED,
            label=answer,
            in_vocabulary=None if answer is None else answer in classes.labels,
            ranked=None if answer is None else [answer],
            rank=rank([answer or ""], classes.right(sample.target, sample.target_number)),
            slot=number % batch_size,
            batch=batch_size,
        )
        for number, (sample, answer) in enumerate(zip(samples, answers, strict=False))
    )
    session.flush()
    closing.store(session, made, now=NOW)
    session.flush()
    return made
