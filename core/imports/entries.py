"""Samples as a source lists them, before anybody has looked inside a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.rules.specs import DatasetSpec
from core.vocabulary import Modality


@dataclass(frozen=True)
class Entry:
    """One sample, as listed."""

    place: str
    """Where it is listed: a file's path in the dataset, or a line of the manifest."""
    name: str = ""
    target: str | float | None = None
    text: str | Path | None = None
    medium: Path | None = None
    """A file, or a folder of frames."""
    problem: str | None = None
    """Why there is nothing to look into."""


class Layout(Protocol):
    """One way to keep a dataset in files."""

    @property
    def root(self) -> Path:
        """Return the folder that nothing may reach out of."""
        ...

    def labels(self) -> list[str]:
        """Return the labels that the samples have, sorted."""
        ...

    def modality(self) -> Modality:
        """Return what the samples seem to consist of."""
        ...

    def notes(self) -> list[str]:
        """Return the files that are none of the dataset's, and yet not litter."""
        ...

    def entries(self, spec: DatasetSpec) -> Iterator[Entry]:
        """Yield the samples, without holding them all."""
        ...
