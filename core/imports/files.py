"""Files of a dataset's folder: which count, where they are, in which order."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
"""What operating systems leave behind."""
MEDIA_FOLDERS = ("image", "images", "evoke", "micro", "video", "videos", "media", "frames", "data")
"""Folders beside a manifest that its media may be in; the first, third to fifth as published."""
TEXT_FOLDERS = ("text", "texts")
TEXT_SUFFIXES = (".txt", ".npy")


def hidden(name: str) -> bool:
    """Tell whether a file is none of the dataset's: dot files and litter."""
    return name.startswith(".") or name.casefold() in LITTER


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key under which frame2 comes before frame10."""
    parts = re.findall(r"(\d+)|(\D+)", name)
    return tuple((int(number), "") if number else (-1, letters) for number, letters in parts)


def visible(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder holds, in natural order."""
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if not hidden(entry.name)]
    return sorted(kept, key=lambda entry: (natural(entry.name), entry.name))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder; a link to one is not, so that no walk goes in circles."""
    return entry.is_dir(follow_symlinks=False)


def is_text(name: str) -> bool:
    """Tell whether a file is named like a text."""
    return name.lower().endswith(TEXT_SUFFIXES)


def walk(folder: Path) -> Iterator[Path]:
    """Yield every visible file below a folder."""
    for entry in visible(folder):
        if is_folder(entry):
            yield from walk(Path(entry.path))
        else:
            yield Path(entry.path)


@dataclass(frozen=True)
class Locator:
    """Finds the files that a manifest speaks of."""

    root: Path
    folders: tuple[Path, ...]

    @classmethod
    def below(cls, root: Path, names: Iterable[str]) -> "Locator":
        """Return a locator that looks in `root` and in those of the named folders that exist."""
        folders = (root, *(root / name for name in names if (root / name).is_dir()))
        return cls(root, folders)

    def find(self, name: str, suffixes: Iterable[str], *, folders: bool) -> Path | str:
        """Return the file (or, if they count, the folder) meant by a name, or why there is none.

        Tried in turn: the name as it is, with a suffix added, with another suffix.
        """
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            return "points outside the dataset's folder"
        added = [f"{path}{suffix}" for suffix in suffixes]
        changed = [str(path.with_suffix(suffix)) for suffix in suffixes] if path.suffix else []
        for candidates in ([str(path)], added, changed):
            found = [
                folder / candidate
                for folder in self.folders
                for candidate in candidates
                if (folder / candidate).is_file() or (folders and (folder / candidate).is_dir())
            ]
            if len(found) > 1:
                names = ", ".join(str(file.relative_to(self.root)) for file in found)
                return f"could be any of {names}"
            if found:
                return found[0]
        places = ", ".join(folder.name + "/" for folder in self.folders[1:])
        return f"has no file in the dataset's folder{f' or its {places}' if places else ''}"
