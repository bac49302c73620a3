"""What a slice needs to know of a run, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.leases import Leased
from core.media.refs import from_json
from core.rules.classes import Classes
from core.rules.pictures import MediaRef
from core.rules.specs import Condition, DatasetSpec
from core.rules.templates import instructions, noun
from core.tables import Dataset, Run, Sample, Template


@dataclass(frozen=True)
class RunContext:
    """What all requests of a run have in common."""

    condition: Condition
    template: str
    labels: tuple[str, ...]
    classes: Classes

    def names(self, size: int) -> tuple[str, ...]:
        """Return the names that the samples of a request go by."""
        word = noun(self.condition.modality)
        return tuple(f"{word} {number}" for number in range(1, size + 1))

    def instructions(self, size: int) -> str:
        """Return what a request of `size` samples is told to do."""
        return instructions(
            self.template,
            labels=self.labels,
            count=size,
            frames=self.condition.frames,
            noun=noun(self.condition.modality),
        )


@dataclass(frozen=True)
class SampleInput:
    """A sample as a request needs it."""

    target: str | None
    number: float | None
    text: str | None
    media: tuple[MediaRef, ...]


def of_run(session: Session, run_id: UUID) -> RunContext:
    """Return the context of a run."""
    condition, text, spec = session.execute(
        select(Run.condition, Template.text, Dataset.spec)
        .join(Template, Template.id == Run.template_id)
        .join(Dataset, Dataset.id == Run.dataset_id)
        .where(Run.id == run_id)
    ).one()
    dataset = DatasetSpec.model_validate(spec)
    return RunContext(
        Condition.model_validate(condition), text, dataset.labels, Classes.of(dataset)
    )


def inputs_of(session: Session, leased: Sequence[Leased]) -> dict[int, SampleInput]:
    """Return the samples of some requests, by id."""
    ids = {sample for request in leased for sample in request.sample_ids}
    rows = session.execute(
        select(Sample.id, Sample.target, Sample.target_number, Sample.text, Sample.media).where(
            Sample.id.in_(ids)
        )
    )
    return {
        row.id: SampleInput(row.target, row.target_number, row.text, from_json(row.media))
        for row in rows
    }
