"""The layout with a manifest: a CSV or JSONL file, and media and texts beside it."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from core.errors import InvalidDataset
from core.imports.entries import Entry
from core.imports.files import MEDIA_FOLDERS, TEXT_FOLDERS, TEXT_SUFFIXES, Locator
from core.imports.guess import modality_of
from core.imports.labels import number_of
from core.media import images, videos
from core.rules.specs import DatasetSpec
from core.vocabulary import Modality

SUFFIXES = (".csv", ".jsonl")
FILES = ("file", "path", "filename", "file_name", "image", "video")
NAMES = ("name", "id", *FILES)
TARGETS = ("label", "gt", "target", "emotion")
TEXTS = ("text", "sentence", "utterance", "tweet")
LONGEST_LINE = 10_000_000
MAX_LABELS = 1000

Row = dict[str, Any]


@dataclass(frozen=True)
class Manifest:
    """A list of samples: `label.csv` with `name,gt`, and the files in `image/` or the like.

    The first filled column of each meaning counts; columns of other names are not read.
    """

    path: Path

    @property
    def root(self) -> Path:
        """Return the folder that names are relative to."""
        return self.path.parent

    @cached_property
    def _media(self) -> Locator:
        return Locator.below(self.root, MEDIA_FOLDERS)

    @cached_property
    def _texts(self) -> Locator:
        return Locator.below(self.root, TEXT_FOLDERS)

    def labels(self) -> list[str]:
        """Return the distinct targets, sorted; numbers are none."""
        found: dict[str, str] = {}
        for _, row in self._rows():
            target = None if isinstance(row, str) else _pick(row, TARGETS)
            if target is None or number_of(target) is not None:
                continue
            written = str(target).strip()
            found.setdefault(written.casefold(), written)
            if len(found) > MAX_LABELS:
                raise InvalidDataset(
                    f"{self.path.name} has more than {MAX_LABELS} different targets: "
                    "say in the spec what the labels are"
                )
        return sorted(found.values())

    def notes(self) -> list[str]:
        """Return nothing: what a manifest does not list is not the dataset's."""
        return []

    def modality(self) -> Modality:
        """Judge by the first row that can be read."""
        row = next((row for _, row in self._rows() if not isinstance(row, str)), {})
        medium = text = None
        file, name = _pick(row, (*FILES, *NAMES)), _pick(row, NAMES)
        if file is not None:
            suffixes = (*images.SUFFIXES, *videos.SUFFIXES)
            medium = self._media.find(str(file), suffixes, folders=True)
        if name is not None:
            text = self._texts.find(str(name), TEXT_SUFFIXES, folders=False)
        return modality_of(
            medium if isinstance(medium, Path) else None,
            text=_pick(row, TEXTS) is not None or isinstance(text, Path),
        )

    def entries(self, spec: DatasetSpec) -> Iterator[Entry]:
        """Yield the rows, each with the files it speaks of."""
        for line, row in self._rows():
            place = f"{self.path.name}:{line}"
            if isinstance(row, str):
                yield Entry(place, problem=row)
            else:
                yield self._entry(place, line, row, spec.modality)

    def _entry(self, place: str, line: int, row: Row, modality: Modality) -> Entry:
        parts = modality.parts
        text: Any = _pick(row, TEXTS) if "text" in parts else None
        name = _pick(row, NAMES)
        if name is None and (modality is not Modality.TEXT or text is None):
            return Entry(place, problem=f"has no name: fill one of {', '.join(NAMES)}")
        name = f"line-{line}" if name is None else str(name).strip()
        medium: Path | None = None
        if parts & {"image", "video"}:
            moving = "video" in parts
            suffixes = videos.SUFFIXES if moving else images.SUFFIXES
            file = str(_pick(row, (*FILES, *NAMES))).strip()
            found = self._media.find(file, suffixes, folders=moving)
            if isinstance(found, str):
                return Entry(place, problem=f"({file}) {found}")
            medium = found
        if "text" in parts and text is None:
            text = self._texts.find(name, TEXT_SUFFIXES, folders=False)
            if isinstance(text, str):
                return Entry(place, problem=f"({name}) has neither a text column nor a text file")
        text = text if text is None or isinstance(text, Path) else str(text)
        return Entry(place, name, _pick(row, TARGETS), text=text, medium=medium)

    def _rows(self) -> Iterator[tuple[int, Row | str]]:
        """Yield each row with its line, or why it cannot be read."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                jsonl = self.path.suffix.lower() == ".jsonl"
                yield from _json_rows(file) if jsonl else _csv_rows(file)
        except UnicodeDecodeError as error:
            raise InvalidDataset(f"{self.path.name} is not UTF-8: save it as UTF-8") from error
        except csv.Error as error:
            raise InvalidDataset(f"{self.path.name} is not CSV: {error}") from error


def _csv_rows(file: IO[str]) -> Iterator[tuple[int, Row | str]]:
    reader = csv.reader(_bounded(file))
    header = [name.strip().casefold() for name in next(reader, [])]
    if not set(header) & set(TARGETS):
        raise InvalidDataset(
            f"the manifest's first line has none of the columns {', '.join(TARGETS)}: "
            "it must name the columns"
        )
    for values in reader:
        if any(values):
            yield reader.line_num, dict(zip(header, values, strict=False))


def _json_rows(file: IO[str]) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(_bounded(file), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "is not JSON"
            continue
        if isinstance(row, dict):
            yield number, {str(key).strip().casefold(): value for key, value in row.items()}
        else:
            yield number, "is JSON, but not an object"


def _bounded(file: IO[str]) -> Iterator[str]:
    """Yield lines; one so long that it can only be something else ends the import."""
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InvalidDataset("the manifest has a line of more than ten million characters")
        yield line


def _pick(row: Row, columns: Iterable[str]) -> Any:
    """Return the first value that is filled."""
    for column in columns:
        value = row.get(column)
        if value is not None and value != "" and not isinstance(value, bool | list | dict):
            return value
    return None
