"""Audits: is a run's answer to a sample the same when the sample is asked about alone?"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from core import jobs, models, runs
from core.errors import Conflict
from core.rules.specs import Condition
from core.rules.states import Status
from core.rules.submissions import Conditions, Submission
from core.tables import Dataset, Job, Model, Run
from core.vocabulary import Origin


def audit(
    session: Session,
    run_id: UUID,
    *,
    samples: int,
    seed: int,
    idempotency_key: str | None,
    now: datetime,
) -> Job:
    """Submit a run again over a random subset of its own samples, one sample a request.

    The subset is drawn from what the run asked about, whatever its sample_limit, so a sample's
    slot in the run has no say in it. Raises NotFound, Conflict, and what `jobs.submit` raises.
    """
    run = runs.get(session, run_id)
    model = _auditable(session, run)
    dataset = session.get_one(Dataset, run.dataset_id)
    submission = Submission(
        dataset=f"{dataset.name}@{dataset.digest}",
        models=(model.name,),
        conditions=Conditions.only(Condition.model_validate(run.condition)),
        batch_size=1,
        samples_of=run.id,
        sample_limit=samples,
        seed=seed,
        tags={"audit": str(run.id)},
    )
    return jobs.submit(session, submission, idempotency_key=idempotency_key, now=now)


def _auditable(session: Session, run: Run) -> Model:
    """Return the model of a run that can be audited. Raises Conflict for others."""
    if run.origin is Origin.PUBLISHED:
        raise Conflict(f"run {run.id} was published by others: its model cannot be asked again")
    if run.status is not Status.COMPLETED:
        raise Conflict(
            f"run {run.id} is {run.status.value}: audit it once it is completed",
            status=run.status.value,
        )
    if run.batch_size == 1:
        raise Conflict(f"run {run.id} asked about one sample at a time: there is nothing to audit")
    made = session.get_one(Model, run.model_id)
    if models.get(session, made.name).id != made.id:
        raise Conflict(
            f"the model {made.name!r} of run {run.id} was deleted, and another has its name"
        )
    return made
