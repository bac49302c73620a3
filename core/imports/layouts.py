"""Which layout a dataset is kept in, and the spec it has where none was given whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import Field, ValidationError

from core.errors import InvalidDataset, InvalidMedia, NotFound
from core.imports import manifest
from core.imports.archive import ArchiveLimits, unpacked
from core.imports.entries import Layout
from core.imports.files import MEDIA_FOLDERS, TEXT_FOLDERS, is_folder, visible
from core.imports.folders import FolderPerLabel
from core.imports.manifest import Manifest
from core.imports.report import Fault, ImportReport
from core.imports.texts import clean
from core.rules.specs import About, DatasetSpec, Label, Name, ScoringRules
from core.vocabulary import Modality, Task

USUAL = ("manifest.csv", "manifest.jsonl", "label.csv", "labels.csv")
"""Names that settle which manifest is meant."""


class DatasetDraft(About):
    """A dataset's spec as far as its importer cares to write it."""

    name: Name
    task: Task | None = None
    """None: that of the built-in dataset of this name."""
    modality: Modality | None = None
    """None: judged by the content."""
    labels: tuple[Label, ...] | None = Field(None, min_length=2, max_length=1000)
    """None: the folders' names, or the manifest's distinct targets."""
    variant: str | None = Field(None, max_length=64)
    scoring: ScoringRules = ScoringRules()


@contextmanager
def opened(
    source: Path | BinaryIO,
    draft: DatasetDraft,
    limits: ArchiveLimits | None,
    scratch: Path | None,
) -> Iterator[Layout]:
    """Lend the layout of a folder, a manifest or an archive; an open file is an archive."""
    if not isinstance(source, Path):
        with unpacked(source, limits, scratch) as folder:
            yield _in_folder(folder, draft)
    elif source.is_dir():
        yield _in_folder(source, draft)
    elif not source.exists():
        raise NotFound(f"there is nothing at {source}: name a folder, a manifest or an archive")
    elif source.suffix.lower() in manifest.SUFFIXES:
        yield Manifest(source)
    else:
        with unpacked(source, limits, scratch) as folder:
            yield _in_folder(folder, draft)


def complete(draft: DatasetDraft, layout: Layout, report: ImportReport) -> DatasetSpec:
    """Return the draft as a spec; what had to be inferred is noted in the report."""
    values = draft.model_dump()
    if draft.labels is None:
        values["labels"] = layout.labels()
        report.warn(Fault("labels", f"were inferred: {', '.join(values['labels'])}"))
    if draft.modality is None:
        values["modality"] = layout.modality()
        report.warn(Fault("modality", f"was inferred: {values['modality']}"))
    try:
        for word in (*values["labels"], draft.variant or "-"):
            clean(word)
        return DatasetSpec(**values)
    except InvalidMedia as error:
        raise InvalidDataset(f"a label or the variant {error}: rename it") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidDataset(
            f"the spec cannot be completed from the files: {first['loc']} {first['msg']}; "
            "say in the spec what the labels are"
        ) from error


def _in_folder(folder: Path, draft: DatasetDraft) -> Layout:
    """Return the layout of a folder, or of the only folder in it."""
    found = visible(folder)
    if not found:
        raise InvalidDataset("the dataset is empty: there is not one file in it")
    folders = [entry for entry in found if is_folder(entry)]
    lists = {e.name for e in found if e.name.lower().endswith(manifest.SUFFIXES)}
    usual = (draft.files.labels, *USUAL) if draft.files else USUAL
    chosen = next((name for name in usual if name in lists), None)
    if chosen is None and len(lists) == 1:
        chosen = lists.pop()
    if chosen is not None:
        return Manifest(folder / chosen)
    if lists:
        raise InvalidDataset(
            f"which manifest is meant: {', '.join(sorted(lists))}? Rename it to {USUAL[0]}, "
            "or import it by its own path"
        )
    if not folders:
        raise InvalidDataset(
            "there is no manifest (such as label.csv with name,gt) and no folder for each label"
        )
    labels = {label.casefold() for label in draft.labels or ()}
    if len(folders) == len(found) == 1 and found[0].name.casefold() not in labels:
        return _in_folder(Path(found[0].path), draft)
    plain = {*MEDIA_FOLDERS, *TEXT_FOLDERS} - labels
    if all(entry.name.casefold() in plain for entry in folders):
        raise InvalidDataset(
            f"there are media in {folders[0].name}/, but no manifest that labels them: "
            "add a label.csv with the columns name,gt"
        )
    return FolderPerLabel(folder)
