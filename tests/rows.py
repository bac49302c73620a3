"""Rows that tests start from."""

from sqlalchemy.orm import Session

from core.db import utc_now
from core.rules.states import ENDED, Status
from core.tables import Dataset, Job, Model, Run, Template
from core.vocabulary import Modality, Task


def add_run(session: Session, model: Model, *, status: Status = Status.RUNNING) -> Run:
    """Store a job with one run of a model over one sample, and all that they refer to."""
    task, modality = Task.FACIAL_EMOTION, Modality.IMAGE
    dataset = Dataset(
        name="faces", digest="0" * 64, task=task, modality=modality, spec={}, sample_count=1
    )
    template = Template(task=task, modality=modality, name="plain", version=1, text="Judge.")
    session.add_all([dataset, template])
    session.flush()
    ended = utc_now() if status in ENDED else None
    job = Job(dataset_id=dataset.id, submission={}, status=status, finished_at=ended)
    session.add(job)
    session.flush()
    run = Run(
        job_id=job.id,
        dataset_id=dataset.id,
        model_id=model.id,
        template_id=template.id,
        condition={},
        repeat=1,
        position=0,
        seed=0,
        batch_size=1,
        samples=1,
        status=status,
        finished_at=ended,
    )
    session.add(run)
    session.flush()
    return run
