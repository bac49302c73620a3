"""The datasets and the references that come with gerbench: data, validated when first read."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from core.errors import InvalidDataset
from core.imports.layouts import DatasetDraft
from core.rules.metrics import MetricName
from core.rules.specs import DatasetSpec, Files, Name, Spec
from core.vocabulary import Task


class Variant(Spec):
    """A subset or protocol of a dataset, by the files that hold it."""

    labels: str = Field(max_length=200, description="The manifest that lists its samples")
    answers: str = Field(
        max_length=64, description="The word in the names of the files with published answers"
    )


class Benchmark(DatasetSpec):
    """A dataset's spec as a file declares it: with the variants that it comes in."""

    variants: dict[str, Variant] = Field(default_factory=dict, max_length=32)

    @model_validator(mode="after")
    def variants_are_named_once(self) -> Self:
        """Refuse a variant of its own beside those that it lists."""
        if self.variants and self.variant is not None:
            raise ValueError("give variant or variants, not both")
        return self

    def spec(self, variant: str | None = None) -> DatasetSpec:
        """Return the spec of the dataset, or of one of its variants. Raises InvalidDataset."""
        values = self.model_dump(exclude={"variants"})
        if self.variants:
            if variant not in self.variants:
                there = ", ".join(self.variants)
                raise InvalidDataset(f"{self.name} comes in variants; name one of {there}")
            manifest = {"labels": self.variants[variant].labels}
            values["files"] = {**(self.files or Files()).model_dump(), **manifest}
            values["variant"] = variant
        return DatasetSpec.model_validate(values)


class Reference(Spec):
    """What a published system scores on a dataset."""

    dataset: Name
    variant: str | None
    metric: MetricName
    system: str
    kind: Literal["supervised", "published"]
    value: float = Field(ge=0, le=1)


class References(Spec):
    """Published results and where they are from."""

    source: str
    results: tuple[Reference, ...]


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return the built-in datasets by name."""
    folder = files("core.specs").joinpath("datasets")
    read = TypeAdapter(Benchmark).validate_json
    found = [read(file.read_text("utf-8")) for file in folder.iterdir() if is_json(file.name)]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def is_json(name: str) -> bool:
    """Tell whether a file is named like JSON."""
    return name.endswith(".json")


@cache
def references() -> tuple[Reference, ...]:
    """Return what published systems score."""
    text = files("core.specs").joinpath("references.json").read_text("utf-8")
    return References.model_validate_json(text).results


def completed(draft: DatasetDraft) -> DatasetDraft:
    """Return a draft with what it leaves out taken from the built-in dataset of its name.

    A draft of another task or with other labels only shares the name, and stays as it is. Raises
    InvalidDataset where nothing says what the task is.
    """
    known = benchmarks().get(draft.name)
    if known is not None and same_question(known, draft.task, draft.labels):
        base = known.spec(draft.variant) if known.variants else known
        given = draft.model_dump(exclude_unset=True)
        return DatasetDraft.model_validate({**base.model_dump(exclude={"variants"}), **given})
    if draft.task is None:
        names = ", ".join(benchmarks())
        raise InvalidDataset(
            f"{draft.name} is none of the built-in datasets ({names}): say what its task is"
        )
    return draft


def same_question(known: Benchmark, task: Task | None, labels: Sequence[str] | None) -> bool:
    """Tell whether a task and labels are those of a built-in dataset; what is None may be any.

    What differs there only shares its name.
    """
    wanted = {label.casefold() for label in known.labels}
    return task in {None, known.task} and (
        labels is None or {label.casefold() for label in labels} == wanted
    )
