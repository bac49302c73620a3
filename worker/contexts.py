"""What a slice needs to know of a run, read once."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core.leases import Leased
from core.media.refs import from_json
from core.prompts import RunContext, SampleInput
from core.rules.classes import Classes
from core.rules.specs import Condition, DatasetSpec
from core.tables import Dataset, Job, Run, Sample, Template

INPUTS = select(Sample.id, Sample.target, Sample.target_number, Sample.text, Sample.media).where(
    Sample.id.in_(bindparam("ids", expanding=True))
)
"""Built once: it runs with every lease."""


def of_run(session: Session, run_id: UUID) -> RunContext:
    """Return the context of a run."""
    condition, text, spec, job_id, traceparent = session.execute(
        select(Run.condition, Template.text, Dataset.spec, Run.job_id, Job.traceparent)
        .join(Job, Job.id == Run.job_id)
        .join(Template, Template.id == Run.template_id)
        .join(Dataset, Dataset.id == Run.dataset_id)
        .where(Run.id == run_id)
    ).one()
    dataset = DatasetSpec.model_validate(spec)
    return RunContext(
        Condition.model_validate(condition),
        text,
        dataset.labels,
        Classes.of(dataset),
        job_id,
        traceparent,
    )


def inputs_of(session: Session, leased: Sequence[Leased]) -> dict[int, SampleInput]:
    """Return the samples of some requests, by id."""
    ids = {sample for request in leased for sample in request.sample_ids}
    rows = session.connection().execute(INPUTS, {"ids": list(ids)})
    return {
        row.id: SampleInput(row.target, row.target_number, row.text, from_json(row.media))
        for row in rows
    }
