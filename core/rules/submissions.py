"""What a job asks for, and the runs that it expands into."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from core.errors import InvalidInput
from core.rules.budgets import MAX_REQUESTS, MAX_USD
from core.rules.specs import Capabilities, Condition, HookUrl, Spec
from core.vocabulary import Color, Detail, Dispatch, Modality

BATCH_SIZES = {
    Modality.IMAGE: 20,
    Modality.TEXT: 20,
    Modality.IMAGE_TEXT: 20,
    Modality.VIDEO: 8,
    Modality.VIDEO_TEXT: 6,
}
"""Samples in a request, as the published benchmark batched them."""

DEFAULT_FRAMES = 3
MAX_RUNS = 10_000
MAX_INT = 2**31 - 1

Reference = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@-]{0,160}$")]


BatchSize = Annotated[int, Field(ge=1, le=1000)]
BatchSizes = Annotated[tuple[BatchSize, ...], Field(min_length=1, max_length=100)]


def _in_one_sentence(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Say once what is wanted, not what each of the alternatives misses."""
    try:
        return validate(value)
    except ValidationError as error:
        wanted = "give a number from 1 to 1000, or up to 100 of them: [1, 20]"
        raise PydanticCustomError("batch_size", wanted) from error


class Conditions(Spec):
    """The values to cross; every combination that differs becomes a condition."""

    modality: tuple[Modality, ...] | None = Field(None, min_length=1)
    """None: the dataset's own."""
    template: tuple[Reference, ...] = Field(("default",), min_length=1)
    frames: tuple[Annotated[int, Field(ge=1, le=100)], ...] | None = Field(None, min_length=1)
    """None: as the dataset says, else 3."""
    color: tuple[Color, ...] = Field((Color.RGB,), min_length=1)
    detail: tuple[Detail, ...] = Field((Detail.LOW,), min_length=1)
    longest_side: tuple[Annotated[int, Field(ge=16, le=8192)] | None, ...] = Field(
        (None,), min_length=1
    )
    jpeg_quality: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field((95,), min_length=1)

    @classmethod
    def only(cls, condition: Condition) -> Self:
        """Return what crosses to one condition."""
        parts = {name: (value,) for name, value in condition if value is not None}
        return cls.model_validate(parts)


class Submission(Spec):
    """The body of a job: models, conditions and repeats over one dataset."""

    dataset: Reference = Field(description="Name, or name@version")
    models: tuple[Reference, ...] = Field(min_length=1, max_length=100)
    conditions: Conditions = Conditions()
    repeats: int = Field(1, ge=1, le=1000)
    batch_size: Annotated[BatchSize | BatchSizes | None, WrapValidator(_in_one_sentence)] = Field(
        None, description="Samples in a request, or several sizes to cross; null: by modality"
    )
    samples_of: UUID | None = Field(
        None, description="A run over the same dataset: only samples that it asked about"
    )
    sample_limit: int | None = Field(None, ge=1, le=MAX_INT, description="A seeded subset")
    seed: int = Field(0, ge=0, le=MAX_INT, description="Of the order of the samples")
    dispatch: Dispatch = Field(
        Dispatch.ONLINE, description="`batch`: in files, at a discount, within a day"
    )
    priority: int = Field(0, ge=-100, le=100, description="Higher goes first")
    budget_usd: float | None = Field(
        None, ge=0, le=MAX_USD, description="It spends no more; needs models with prices"
    )
    budget_requests: int | None = Field(
        None, ge=0, le=MAX_REQUESTS, description="Calls, each retry one, that it makes at most"
    )
    tags: dict[
        Annotated[str, StringConstraints(max_length=64)],
        Annotated[str, StringConstraints(max_length=256)],
    ] = Field(default_factory=dict, max_length=32)
    webhook_url: HookUrl | None = Field(
        None, description="Told too when the job ends, pauses, stalls or reaches a budget"
    )

    @property
    def batch_sizes(self) -> tuple[int | None, ...]:
        """Return the batch sizes to cross."""
        return self.batch_size if isinstance(self.batch_size, tuple) else (self.batch_size,)


def expand(conditions: Conditions, own: Modality, frames: int | None = None) -> list[Condition]:
    """Return the distinct conditions for a dataset of modality `own`, in a stable order.

    `frames` is what the dataset says of frames, for a submission that does not.

    What a modality does not show (color of a text, frames of an image) is set to one value, so
    that crossing it adds no run twice. Raises InvalidInput for a modality the dataset lacks.
    """
    modalities = conditions.modality or (own,)
    for modality in modalities:
        if not modality.parts <= own.parts:
            raise InvalidInput(
                f"the dataset holds {own.value}; a run over it cannot show {modality.value}"
            )
    counts = conditions.frames or (frames or DEFAULT_FRAMES,)
    return list(dict.fromkeys(_cross(conditions, modalities, counts)))


def _cross(
    conditions: Conditions, modalities: tuple[Modality, ...], counts: tuple[int, ...]
) -> Iterator[Condition]:
    """Yield every combination, normalised."""
    for modality, template in product(modalities, conditions.template):
        if modality is Modality.TEXT:
            yield Condition(modality=modality, template=template)
            continue
        frames = counts if "video" in modality.parts else (None,)
        for count, color, detail, side, quality in product(
            frames,
            conditions.color,
            conditions.detail,
            conditions.longest_side,
            conditions.jpeg_quality,
        ):
            yield Condition(
                modality=modality,
                template=template,
                frames=count,
                color=color,
                detail=detail,
                longest_side=side,
                jpeg_quality=quality,
            )


class PreviewSpec(Spec):
    """A condition, and which samples to show under it: the first request of such a job."""

    dataset: Reference = Field(description="Name, or name@version")
    template: Reference = "default"
    text: str | None = Field(
        None, min_length=1, max_length=20_000, description="A template's text, in place of one"
    )
    model: Reference | None = Field(None, description="null: only the messages are shown")
    modality: Modality | None = Field(None, description="null: the dataset's own")
    frames: int = Field(DEFAULT_FRAMES, ge=1, le=100)
    color: Color = Color.RGB
    detail: Detail = Detail.LOW
    longest_side: int | None = Field(None, ge=16, le=8192)
    jpeg_quality: int = Field(95, ge=1, le=100)
    count: int | None = Field(None, ge=1, le=100, description="Samples; null: as a job batches")
    seed: int = Field(0, ge=0, le=MAX_INT, description="Of the order of the samples")

    def condition(self, own: Modality) -> Condition:
        """Return the condition, as a job over a dataset of modality `own` would have it."""
        crossed = Conditions(
            modality=None if self.modality is None else (self.modality,),
            template=(self.template,),
            frames=(self.frames,),
            color=(self.color,),
            detail=(self.detail,),
            longest_side=(self.longest_side,),
            jpeg_quality=(self.jpeg_quality,),
        )
        return expand(crossed, own)[0]


def batch_size(condition: Condition, capabilities: Capabilities, wanted: int | None) -> int:
    """Return how many samples go into a request: as wanted, within the model's capabilities.

    Raises InvalidInput when one sample alone shows more pictures than the model takes.
    """
    size = wanted or BATCH_SIZES[condition.modality]
    if condition.modality is Modality.TEXT:
        return size
    pictures = condition.frames or 1
    if pictures > capabilities.images_per_request:
        raise InvalidInput(
            f"{pictures} frames a sample, but the model takes"
            f" {capabilities.images_per_request} images a request; ask for fewer frames"
        )
    return min(size, capabilities.images_per_request // pictures)


def batch_sizes(
    condition: Condition,
    capabilities: Capabilities,
    asked: Iterable[int | None],
    *,
    own: int | None = None,
) -> dict[int, int | None]:
    """Return each batch size that differs once it is within the model's capabilities.

    With it goes the size that was asked for: of several that come to the same, the smallest.
    `own` is the dataset's, for a submission that asks for none. Raises InvalidInput as above.
    """
    found: dict[int, int | None] = {}
    for wanted in sorted(asked, key=lambda size: size or 0):
        found.setdefault(batch_size(condition, capabilities, wanted or own), wanted)
    return found
