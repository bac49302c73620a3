"""Checked samples on their way into the database, in a temporary file and not in memory."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import orjson

from core.imports.report import Fault
from core.media.refs import to_json
from core.rules.pictures import MediaRef
from core.rules.profiles import Profile, Profiler
from core.rules.specs import DatasetSpec

NAMED = 5
"""Names listed of a group of duplicates."""

SCHEMA = """
CREATE TABLE staged (
    name TEXT PRIMARY KEY, target TEXT, number REAL, text TEXT,
    media TEXT NOT NULL, digests TEXT NOT NULL, content TEXT, place TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Checked:
    """A sample that is as it should be."""

    place: str
    name: str
    target: str | float
    text: str | None
    media: tuple[MediaRef, ...]


class Staging:
    """Every good sample of an import, by name."""

    def __init__(self) -> None:
        # An empty name asks SQLite for a private file that is gone when it is closed.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute(SCHEMA)
        self._rows.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def add(self, sample: Checked) -> Fault | None:
        """Take in a sample, unless its name is taken."""
        digests = " ".join(ref.digest for ref in sample.media)
        content = None
        if digests:
            content = hashlib.sha256(f"{digests} {sample.text or ''}".encode()).hexdigest()
        number = sample.target if isinstance(sample.target, float) else None
        added = self._rows.execute(
            "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                sample.name,
                None if isinstance(sample.target, float) else sample.target,
                number,
                sample.text,
                orjson.dumps(to_json(sample.media)).decode() if digests else "[]",
                digests,
                content,
                sample.place,
            ),
        )
        if added.rowcount:
            return None
        (place,) = self._rows.execute(
            "SELECT place FROM staged WHERE name = ?", (sample.name,)
        ).fetchone()
        return Fault(sample.place, f"has the same name as {place}: {sample.name}")

    def duplicates(self) -> Iterator[tuple[Fault, bool]]:
        """Yield each medium that several samples share, and whether their targets differ.

        Samples with contradicting targets are taken out again: none of them can be trusted.
        """
        groups = self._rows.execute(
            "SELECT content, count(*), count(DISTINCT coalesce(target, number)) FROM staged "
            "WHERE content IS NOT NULL GROUP BY content HAVING count(*) > 1"
        ).fetchall()
        for content, count, targets in groups:
            yield Fault(*self._told(content, count)), targets > 1
            if targets > 1:
                self._rows.execute("DELETE FROM staged WHERE content = ?", (content,))

    def _told(self, content: str, count: int) -> tuple[str, str]:
        """Return the names of a group of duplicates, and what their targets are."""
        listed = self._rows.execute(
            "SELECT name, coalesce(target, number) FROM staged WHERE content = ? "
            "ORDER BY name LIMIT ?",
            (content, NAMED),
        ).fetchall()
        more = f" and {count - NAMED} more" if count > NAMED else ""
        names = ", ".join(name for name, _ in listed) + more
        targets = ", ".join(str(target) for _, target in listed)
        return names, f"are the same medium, labelled {targets}"

    def index(self) -> None:
        """Make `duplicates` fast; called once, when all samples are in."""
        self._rows.execute("CREATE INDEX staged_content ON staged (content)")

    def counts(self) -> tuple[int, int]:
        """Return how many samples have a label, and how many a number."""
        row = self._rows.execute("SELECT count(target), count(number) FROM staged").fetchone()
        return row[0], row[1]

    def unused(self, labels: Iterable[str]) -> list[str]:
        """Return the labels that no sample has."""
        used = {row[0] for row in self._rows.execute("SELECT DISTINCT target FROM staged")}
        return [label for label in labels if label not in used]

    def digest(self, spec: DatasetSpec) -> str:
        """Return the SHA-256 over the spec and every sample, in the order of their names."""
        # Without defaults, so that a field which a later release adds changes no digest.
        whole = hashlib.sha256(_line(spec.model_dump(mode="json", exclude_defaults=True)))
        for name, target, number, text, digests in self._rows.execute(
            "SELECT name, target, number, text, digests FROM staged ORDER BY name"
        ):
            whole.update(_line([name, target, number, text, digests.split()]))
        return whole.hexdigest()

    def profile(self) -> Profile:
        """Return what the samples amount to."""
        profiler = Profiler()
        for text, media in self._rows.execute("SELECT text, media FROM staged"):
            profiler.add(text, orjson.loads(media))
        return profiler.profile()

    def chunks(self, size: int) -> Iterator[list[dict[str, Any]]]:
        """Yield the samples as rows of the table `samples`, in the order of their names."""
        rows = self._rows.execute(
            "SELECT name, target, number, text, media FROM staged ORDER BY name"
        )
        while chunk := rows.fetchmany(size):
            yield [
                {
                    "name": name,
                    "target": target,
                    "target_number": number,
                    "text": text,
                    "media": orjson.loads(media),
                }
                for name, target, number, text, media in chunk
            ]


def _line(value: Any) -> bytes:
    """Return JSON that does not depend on who writes it."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
