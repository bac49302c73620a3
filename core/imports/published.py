"""Published predictions as their authors lay them out: `<dataset>/label*.csv`, told by name."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from core.builtin import Benchmark, benchmarks
from core.errors import InvalidDataset
from core.imports.files import TEXT_SUFFIXES, walk
from core.imports.manifest import TARGETS
from core.media import images, videos
from core.rules.specs import Condition, DatasetSpec, Files
from core.vocabulary import Color, Modality

SPEC = "spec.json"
"""Beside the CSV files of a dataset that is not built in."""
TEMPLATE = "published"
"""Stands for the authors' own prompt in the condition of a published run."""
FRAMES = 3
COLORS = {"rgb": Color.RGB, "grey": Color.GRAY, "gray": Color.GRAY}
PARTS = {"text": Modality.TEXT, "image": Modality.IMAGE, "video": Modality.VIDEO}
MULTI = "multi"
"""All parts of the dataset's modality."""
SUFFIXES = frozenset((*images.SUFFIXES, *videos.SUFFIXES, *TEXT_SUFFIXES))


@dataclass(frozen=True)
class Release:
    """Answers that somebody published, and the labels they belong to."""

    spec: DatasetSpec
    condition: Condition
    labels: Path
    answers: Path
    column: str
    """Of the answers: comma-separated labels, best first."""


@dataclass(frozen=True)
class Names:
    """The names of a dataset's samples, found though folders or endings differ."""

    names: tuple[str, ...]

    @cached_property
    def _found(self) -> Mapping[str, str | None]:
        """Return each name by its exact and by its shorter forms; None where two share one."""
        found: dict[str, str | None] = {}
        for shorten in (str, _bare, stem):
            keys = Counter(shorten(name) for name in self.names)
            for name in self.names:
                key = shorten(name)
                found.setdefault(key, name if keys[key] == 1 else None)
        return found

    def find(self, name: str) -> str | None:
        """Return the sample's own name; None where there is none, or no single one."""
        keys = (name, _bare(name), stem(name))
        return next((own for key in keys if (own := self._found.get(key))), None)


def _bare(name: str) -> str:
    path = PurePosixPath(name.strip().replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path)


def stem(name: str) -> str:
    """Return a name without folders and without the ending of a medium."""
    return PurePosixPath(_bare(name)).name


def releases(root: Path) -> list[Release]:
    """Return every set of answers below a folder, in the order of their paths.

    Raises InvalidDataset for a file whose place in the layout is not clear.
    """
    folders = sorted({file.parent for file in walk(root) if file.suffix.lower() == ".csv"})
    found = [release for folder in folders for release in _in_folder(folder, root)]
    if not found:
        raise InvalidDataset(
            "there are no published answers: a folder of a dataset's name holds label.csv and"
            " label-<system>.csv, such as label-gpt4v.csv"
        )
    return found


def _in_folder(folder: Path, root: Path) -> Iterator[Release]:
    """Yield the releases of one dataset."""
    benchmark = _benchmark(folder)
    for file in sorted(folder.glob("*.csv")):
        words = file.stem.split("-")[1:]
        column = next((name for name in columns(file)[2:] if name in words), None)
        if column is None:
            if words:
                raise _unclear(file, root, "none of its columns is named in its name")
            continue
        at = words.index(column)
        spec = benchmark.spec(_variant(benchmark, "-".join(words[:at]), file, root))
        labels = folder / (spec.files or Files()).labels
        if not labels.is_file():
            raise _unclear(file, root, f"{labels.name}, which its labels are in, is not there")
        condition = _condition(spec, words[at + 1 :], file, root)
        yield Release(spec, condition, labels, file, column)


def _benchmark(folder: Path) -> Benchmark:
    """Return the spec that lies in a dataset's folder, or the built-in one of its name."""
    own = folder / SPEC
    if own.is_file():
        try:
            return Benchmark.model_validate_json(own.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidDataset(
                f"{folder.name}/{SPEC}: {'.'.join(map(str, first['loc']))} {first['msg']}"
            ) from error
    found = benchmarks().get(folder.name)
    if found is None:
        raise InvalidDataset(
            f"{folder.name} is none of the built-in datasets: put its spec beside its labels, in"
            f" {folder.name}/{SPEC}"
        )
    return found


def _variant(benchmark: Benchmark, word: str, file: Path, root: Path) -> str | None:
    """Return the variant whose answers have a word in their name."""
    if not benchmark.variants and not word:
        return None
    for name, variant in benchmark.variants.items():
        if variant.answers == word:
            return name
    raise _unclear(file, root, f"no variant of {benchmark.name} has answers named {word!r}")


def _condition(spec: DatasetSpec, words: list[str], file: Path, root: Path) -> Condition:
    """Return the condition that the words at the end of a file's name tell."""
    modality, color, frames = spec.modality, Color.RGB, spec.frames or FRAMES
    for word in words:
        if word in COLORS:
            color = COLORS[word]
        elif word.isdecimal() and "video" in spec.modality.parts and 1 <= int(word) <= 100:  # noqa: PLR2004 - as many as a condition takes
            frames = int(word)
        elif word in PARTS and PARTS[word].parts <= spec.modality.parts:
            modality = PARTS[word]
        elif word != MULTI:
            raise _unclear(file, root, f"{word!r} is no number of frames, modality or color of it")
    shown = frames if "video" in modality.parts else None
    return Condition(modality=modality, template=TEMPLATE, frames=shown, color=color)


def _unclear(file: Path, root: Path, reason: str) -> InvalidDataset:
    return InvalidDataset(f"{file.relative_to(root).as_posix()}: {reason}")


def columns(path: Path) -> list[str]:
    """Return the names of a CSV file's columns."""
    return next(_read(path), [])


def rows(path: Path, value: str | None = None) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, name, target and, of an answers file, the answer."""
    lines = _read(path)
    head = [name.strip().casefold() for name in next(lines, [])]
    target = next((name for name in TARGETS if name in head), None)
    if "name" not in head or target is None:
        raise InvalidDataset(f"{path.name} has no columns name and gt in its first line")
    for number, cells in enumerate(lines, 2):
        row: dict[str, Any] = dict(zip(head, cells, strict=False))
        if any(cells):
            said = row.get(value.casefold(), "") if value else ""
            yield number, row.get("name", "").strip(), row.get(target, "").strip(), said


def _read(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.reader(file)
    except UnicodeDecodeError as error:
        raise InvalidDataset(f"{path.name} is not UTF-8: save it as UTF-8") from error
    except csv.Error as error:
        raise InvalidDataset(f"{path.name} is not CSV: {error}") from error
