"""The layout with one folder for each label."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.imports.entries import Entry
from core.imports.files import is_folder, is_text, visible, walk
from core.imports.guess import modality_of
from core.media import videos
from core.rules.specs import DatasetSpec
from core.vocabulary import Modality


@dataclass(frozen=True)
class FolderPerLabel:
    """A folder of folders: `anger/001.png`, `happy/002.png`.

    Samples are named by their path. With a text beside each medium (`001.mp4`, `001.txt`)
    they have two parts. A folder of images is one video where videos are expected.
    """

    root: Path

    def labels(self) -> list[str]:
        """Return the names of the folders."""
        return sorted(entry.name for entry in visible(self.root) if is_folder(entry))

    def notes(self) -> list[str]:
        """Return files that lie beside the folders."""
        return [entry.name for entry in visible(self.root) if not is_folder(entry)]

    def modality(self) -> Modality:
        """Judge by the first folder with a file in it; images a level down are frames."""
        for label in self.labels():
            folder = self.root / label
            files = list(walk(folder))
            text = any(is_text(file.name) for file in files)
            medium = next((file for file in files if not is_text(file.name)), None)
            if medium is not None:
                framed = medium.parent != folder
                return modality_of(medium.parent if framed else medium, text=text)
            if text:
                return Modality.TEXT
        return Modality.IMAGE

    def entries(self, spec: DatasetSpec) -> Iterator[Entry]:
        """Yield the samples, folder by folder."""
        known = {label.casefold() for label in spec.labels}
        for label in self.labels():
            if label.strip().casefold() in known:
                yield from self._below(self.root / label, label, spec.modality)
            else:
                problem = f"is a folder, but no label: the labels are {', '.join(spec.labels)}"
                yield Entry(f"{label}/", problem=problem)

    def _below(self, folder: Path, label: str, modality: Modality) -> Iterator[Entry]:
        """Yield the samples in a label's folder, or in a folder in it."""
        found = visible(folder)
        if not found:
            yield Entry(f"{self._name(folder)}/", problem="is an empty folder")
        texts: dict[str, Path] = {}
        if modality in {Modality.IMAGE_TEXT, Modality.VIDEO_TEXT}:
            texts = {Path(e.name).stem: Path(e.path) for e in found if is_text(e.name)}
        companions = set(texts.values())
        for entry in found:
            path = Path(entry.path)
            if is_folder(entry) and not ("video" in modality.parts and _holds_frames(path)):
                yield from self._below(path, label, modality)
            elif path not in companions:
                yield self._entry(path, label, modality, texts.pop(path.stem, None))
        for text in texts.values():
            yield Entry(self._name(text), problem="is a text with no medium beside it")

    def _entry(self, path: Path, label: str, modality: Modality, text: Path | None) -> Entry:
        name = self._name(path)
        if modality is Modality.TEXT:
            return Entry(name, name, label, text=path)
        problem = None
        if "text" in modality.parts and text is None:
            problem = f"has no {path.stem}.txt or {path.stem}.npy beside it"
        return Entry(name, name, label, text=text, medium=path, problem=problem)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _holds_frames(folder: Path) -> bool:
    """Tell whether a folder is one video: it holds files, and none is a video or a folder."""
    found = visible(folder)
    return bool(found) and not any(
        is_folder(entry) or entry.name.lower().endswith(videos.SUFFIXES) for entry in found
    )
