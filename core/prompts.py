"""What a request says of its samples: the one place where workers and previews write it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.media.prepare import prepare
from core.media.store import MediaStore
from core.rules.classes import Classes
from core.rules.pictures import Item, MediaRef, Prompt
from core.rules.specs import Condition
from core.rules.templates import instructions, names, noun


@dataclass(frozen=True)
class RunContext:
    """What all requests of a run have in common."""

    condition: Condition
    template: str
    labels: tuple[str, ...]
    classes: Classes
    job_id: UUID | None = None
    """The job it is of; None: a preview."""
    traceparent: str | None = None
    """The trace that the job was submitted in."""

    def names(self, size: int) -> tuple[str, ...]:
        """Return the names that the samples of a request go by."""
        return names(self.condition.modality, size)

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


def write(store: MediaStore, context: RunContext, samples: Sequence[SampleInput]) -> Prompt:
    """Return the prompt about some samples, their media prepared. Raises InvalidMedia."""
    condition, size = context.condition, len(samples)
    shows_text = "text" in condition.modality.parts
    return Prompt(
        context.instructions(size),
        tuple(
            Item(name, prepare(store, sample.media, condition), sample.text if shows_text else None)
            for name, sample in zip(context.names(size), samples, strict=True)
        ),
    )
