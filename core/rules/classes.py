"""Which class a target or an answered label counts as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.rules.specs import NEGATIVE, POSITIVE, DatasetSpec


@dataclass(frozen=True)
class Classes:
    """The classes of a dataset, and what falls into each."""

    names: tuple[str, ...]
    labels: Mapping[str, str]
    """The class of each label."""
    signed: bool
    """Whether the sign of a numeric target decides."""
    drops: bool
    """Whether an answer outside the labels is left out, and not wrong."""

    @classmethod
    def of(cls, spec: DatasetSpec) -> "Classes":
        """Return the classes that a dataset's scoring rules make."""
        mapped = {label.casefold(): name for label, name in (spec.scoring.map or {}).items()}
        labels = {label: mapped.get(label.casefold(), label) for label in spec.labels}
        rules = spec.scoring
        return cls(
            spec.classes, labels, rules.target == "sign", rules.out_of_vocabulary == "dropped"
        )

    @cached_property
    def words(self) -> Mapping[str, str]:
        """Return the class of each word that a target may be spelled as: a label, or a class."""
        return {**{name: name for name in self.names}, **self.labels}

    def within(self, name: str | None) -> frozenset[str]:
        """Return the labels that count as a class."""
        return frozenset(label for label, own in self.labels.items() if own == name)

    def of_target(self, label: str | None, number: float | None) -> str | None:
        """Return the class of a target, or None for one that decides nothing.

        A target may be spelled as a label or, where labels are mapped, as a class. Raises
        ValueError for a label that is neither: the dataset itself would be broken.
        """
        if self.signed:
            return (POSITIVE if number > 0 else NEGATIVE) if number else None
        if label is None:
            return None
        if label not in self.words:
            raise ValueError(f"target {label!r} is none of the labels")
        return self.words[label]

    def right(self, label: str | None, number: float | None) -> frozenset[str]:
        """Return the labels that are right answers for a target; none where it is excluded."""
        return self.within(self.of_target(label, number))


def rank(ranked: Sequence[str], right: frozenset[str]) -> int | None:
    """Return the place of the first right label, from 1; None where there is none.

    Where labels are mapped, the place is that of a label, not of a class: top k asks whether any
    of the first k labels means the target's class.
    """
    return next((place for place, label in enumerate(ranked, 1) if label in right), None)
