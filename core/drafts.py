"""A job as it would be: its runs expanded and quoted, and nothing stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from core import datasets, models, quotes, runs, templates
from core.access import team_of
from core.errors import InvalidInput
from core.rules.batches import check_dispatch
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.submissions import MAX_RUNS, Submission, batch_sizes, expand
from core.tables import Dataset, Job, Model, Run, Template


@dataclass(frozen=True)
class Kind:
    """What runs have in common that differ in their repeat alone."""

    model_id: UUID
    template_id: UUID
    condition: Mapping[str, Any]
    """With its template pinned to a version."""
    batch_size: int
    batch_asked: int | None


def draft(session: Session, submission: Submission, *, now: datetime) -> tuple[Job, list[Run]]:
    """Return the job that a submission asks for, quoted, and its runs.

    Raises NotFound or InvalidInput for what does not exist or makes no sense.
    """
    dataset = datasets.get(session, submission.dataset)
    if dataset.published:
        raise InvalidInput(
            f"{datasets.version(dataset)} was made from published predictions and has no media to"
            f" ask about; import them with POST /v1/datasets under the name {dataset.name}"
        )
    job = Job(
        id=uuid4(),
        team_id=team_of(session),
        dataset_id=dataset.id,
        submission=submission.model_dump(mode="json"),
        priority=submission.priority,
        webhook_url=None if submission.webhook_url is None else str(submission.webhook_url),
        created_at=now,
    )
    made = _runs(session, job, dataset, submission)
    quoted = quotes.quote(session, dataset, made, priority=job.priority, now=now)
    job.quote = quoted.model_dump(mode="json")
    return job, made


def _runs(session: Session, job: Job, dataset: Dataset, submission: Submission) -> list[Run]:
    """Return a run for each model, condition, batch size and repeat."""
    kinds, pool = _kinds(session, dataset, submission), _pool(session, dataset, submission)
    return [
        Run(
            team_id=job.team_id,
            job_id=job.id,
            dataset_id=dataset.id,
            model_id=kind.model_id,
            template_id=kind.template_id,
            condition=dict(kind.condition),
            repeat=repeat,
            position=position,
            seed=submission.seed,
            batch_size=kind.batch_size,
            batch_asked=kind.batch_asked,
            dispatch=submission.dispatch,
            samples_of=submission.samples_of,
            samples=min(submission.sample_limit or pool, pool),
            created_at=job.created_at,
        )
        for position, (kind, repeat) in enumerate(product(kinds, range(1, submission.repeats + 1)))
    ]


def _kinds(session: Session, dataset: Dataset, submission: Submission) -> list[Kind]:
    """Return the kinds of runs, in a stable order. Raises InvalidInput for too many runs."""
    chosen = [models.get(session, name) for name in dict.fromkeys(submission.models)]
    for model in chosen:
        check_dispatch(submission.dispatch, model.name, model.spec["wire"])
    spec = DatasetSpec.model_validate(dataset.spec)
    conditions = expand(submission.conditions, spec.modality, spec.frames)
    crossed = [
        (condition, model, sizes)
        for condition, model in product(conditions, chosen)
        for sizes in _sizes(submission, spec, condition, model).items()
    ]
    count = len(crossed) * submission.repeats
    if count > MAX_RUNS:
        raise InvalidInput(f"{count} runs in one job; at most {MAX_RUNS}: submit it in parts")
    pinned = {condition: _pinned(session, dataset, condition) for condition in conditions}
    return [
        Kind(model.id, pinned[condition][0].id, pinned[condition][1], *sizes)
        for condition, model, sizes in crossed
    ]


def _pinned(
    session: Session, dataset: Dataset, condition: Condition
) -> tuple[Template, dict[str, Any]]:
    """Return a condition's template, and the condition as JSON with its version in it."""
    template = templates.resolve(session, dataset.task, condition.modality, condition.template)
    named = f"{template.name}@{template.version}"
    return template, condition.model_copy(update={"template": named}).model_dump(mode="json")


def _sizes(
    submission: Submission, spec: DatasetSpec, condition: Condition, model: Model
) -> dict[int, int | None]:
    """Return the batch sizes of a model's runs under a condition, with what was asked for."""
    capabilities = ModelSpec.model_validate(model.spec).capabilities
    own = spec.batch_size if condition.modality is spec.modality else None
    return batch_sizes(condition, capabilities, submission.batch_sizes, own=own)


def _pool(session: Session, dataset: Dataset, submission: Submission) -> int:
    """Return how many samples a run may ask about. Raises NotFound, InvalidInput."""
    if submission.samples_of is None:
        return dataset.sample_count
    other = runs.get(session, submission.samples_of)
    if other.dataset_id != dataset.id:
        raise InvalidInput(
            f"run {other.id} is over another dataset than {datasets.version(dataset)}"
        )
    return other.samples
