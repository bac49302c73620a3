"""What an import found wrong, file by file."""

from dataclasses import asdict, dataclass, field
from typing import Any

MAX_LISTED = 1000
"""Faults listed of each kind; more are only counted."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    path: str
    """The file as the dataset names it, or the line of its manifest."""
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


@dataclass
class ImportReport:
    """Every fault of a dataset, and how many of its samples are good."""

    errors: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    samples: int = 0
    """Good samples."""
    new: bool = True
    """Whether the import made a version; False when its content was there already."""
    error_count: int = 0
    """All errors, those that `errors` has no room for too."""
    warning_count: int = 0

    def error(self, fault: Fault) -> None:
        """Note what keeps a sample from being imported."""
        self.error_count += 1
        if len(self.errors) < MAX_LISTED:
            self.errors.append(fault)

    def warn(self, fault: Fault) -> None:
        """Note what a person should look at."""
        self.warning_count += 1
        if len(self.warnings) < MAX_LISTED:
            self.warnings.append(fault)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self)
