"""Every sample looked into: label, text, media; the good ones staged, the others reported."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from core.errors import InvalidMedia
from core.imports import texts
from core.imports.entries import Entry, Layout
from core.imports.files import visible
from core.imports.labels import Labels, labels_of
from core.imports.report import Fault, ImportReport
from core.imports.staging import Checked, Staging
from core.media import images, videos
from core.media.store import MediaStore
from core.rules.pictures import MediaRef
from core.rules.specs import DatasetSpec

CHUNK = 512
"""Samples listed ahead of the threads that look into them."""
THREADS = min(8, os.cpu_count() or 1)
LONGEST_NAME = 512


def stage(
    layout: Layout, spec: DatasetSpec, store: MediaStore, staging: Staging, report: ImportReport
) -> None:
    """Check every sample of a layout; keep the media, stage the samples, report the faults."""
    checker = Checker(store, labels_of(spec), spec, layout.root)
    entries = layout.entries(spec)
    for name in layout.notes():
        report.warn(Fault(name, "is in none of the labels' folders: not imported"))
    with ThreadPoolExecutor(THREADS) as pool:
        while chunk := list(islice(entries, CHUNK)):
            for result in _each(checker, chunk, pool):
                fault = staging.add(result) if isinstance(result, Checked) else result
                if fault is not None:
                    report.error(fault)
    compare(staging, spec, report)


def _each(
    checker: "Checker", entries: list[Entry], pool: ThreadPoolExecutor
) -> Iterator[Checked | Fault]:
    """Check entries in threads where there are files to read."""
    if any(entry.medium for entry in entries):
        return pool.map(checker.check, entries)
    return map(checker.check, entries)


def compare(staging: Staging, spec: DatasetSpec, report: ImportReport) -> None:
    """Report what only shows when all samples are there."""
    staging.index()
    for fault, contradicting in staging.duplicates():
        if contradicting:
            report.error(fault)
        else:
            report.warn(fault)
    labelled, numbered = staging.counts()
    report.samples = labelled + numbered
    if labelled and numbered:
        reason = f"are labels in {labelled:,} samples and numbers in {numbered:,}: use one kind"
        report.error(Fault("targets", reason))
        report.samples = 0
    elif numbered and spec.scoring.target != "sign":
        reason = "are numbers: say in the spec how they are judged, with scoring.target sign"
        report.error(Fault("targets", f"{reason} and a scoring.map to positive and negative"))
        report.samples = 0
    elif labelled and spec.scoring.target == "sign":
        report.error(Fault("targets", "are labels, but scoring.target is sign: it needs numbers"))
        report.samples = 0
    if labelled:
        for label in staging.unused(spec.labels):
            report.warn(Fault(label, "is a label that no sample has"))


@dataclass(frozen=True)
class Checker:
    """What a sample of one dataset has to be; used by many threads."""

    store: MediaStore
    labels: Labels
    spec: DatasetSpec
    root: Path

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    def check(self, entry: Entry) -> Checked | Fault:
        """Return the sample with its media stored, or why it cannot be."""
        place = entry.place
        if entry.problem is not None:
            return Fault(place, entry.problem)
        try:
            if len(entry.name) > LONGEST_NAME:
                raise InvalidMedia(f"has a name of more than {LONGEST_NAME} characters")  # noqa: TRY301 - one list of faults, one way out
            name = texts.clean(entry.name)
            target = self.labels.match(entry.target)
            place = self._shown(entry, entry.text)
            text = self._text(entry.text)
            place = self._shown(entry, entry.medium)
            return Checked(entry.place, name, target, text, self._media(entry.medium))
        except InvalidMedia as error:
            return Fault(error.details.get("path", place), str(error))
        except OSError as error:
            return Fault(place, f"cannot be read: {error.strerror}")

    def _shown(self, entry: Entry, path: Path | str | None) -> str:
        """Return the path of a sample's file, after the manifest's line if there is one."""
        if not isinstance(path, Path):
            return entry.place
        shown = path.relative_to(self.root).as_posix()
        return shown if shown == entry.place else f"{entry.place} ({shown})"

    def _text(self, text: str | Path | None) -> str | None:
        if isinstance(text, Path):
            self._regular(text)
            return texts.read_text(text)
        return None if text is None else texts.clean(text)

    def _media(self, medium: Path | None) -> tuple[MediaRef, ...]:
        if medium is None:
            return ()
        if "image" in self.spec.modality.parts:
            return (self._image(medium),)
        if medium.is_dir():
            return self._frames(medium)
        self._regular(medium)
        ref = videos.inspect(medium, medium.name)
        self.store.put_file(medium, ref.digest)
        return (ref,)

    def _image(self, path: Path) -> MediaRef:
        size = self._regular(path)
        if size > images.MAX_BYTES:
            raise InvalidMedia(f"is a file of {size / 1e6:.0f} MB, too large for an image")
        data = path.read_bytes()
        ref = images.inspect(data, path.name)
        self.store.put(data)
        return ref

    def _frames(self, folder: Path) -> tuple[MediaRef, ...]:
        frames: list[MediaRef] = []
        for entry in visible(folder):
            try:
                frames.append(videos.as_frame(self._image(Path(entry.path))))
            except InvalidMedia as error:
                path = Path(entry.path).relative_to(self.root).as_posix()
                raise InvalidMedia(str(error), path=path) from error
        if not frames:
            raise InvalidMedia("is a video with no frames: the folder is empty")
        return tuple(frames)

    def _regular(self, path: Path) -> int:
        """Return a file's size; no folder, no pipe, and nothing that a link leads out to."""
        # Below the root only a link can lead out of it, and most files are none.
        if not path.resolve().is_relative_to(self._real_root):
            raise InvalidMedia("is a link that leads out of the dataset's folder: copy the file")
        if not path.is_file():
            raise InvalidMedia("is not a file")
        return path.stat().st_size
