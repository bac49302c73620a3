"""Imports as tests make them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core import datasets
from core.db import Base, Database
from core.errors import InvalidDataset
from core.imports.layouts import DatasetDraft
from core.imports.report import ImportReport
from core.media.store import MediaStore
from core.rules.specs import DatasetSpec
from core.tables import Dataset, Sample
from core.vocabulary import Modality, Task
from tests import drawn

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Service:
    """A database and a media store, and imports into them."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.database = Database.at(url or f"sqlite:///{folder / 'test.db'}")
        Base.metadata.create_all(self.database.engine)
        self.store = MediaStore((folder / "store").as_uri())

    def take(
        self,
        source: Path,
        spec: DatasetSpec | DatasetDraft | None = None,
        *,
        now: datetime = NOW,
        skip_faulty: bool = False,
    ) -> tuple[Dataset, ImportReport]:
        with self.database.write.begin() as session:
            return datasets.import_dataset(
                session, self.store, spec or faces(), source, now, skip_faulty=skip_faulty
            )

    def refuse(self, source: Path, spec: DatasetSpec | DatasetDraft | None = None) -> list[str]:
        """The faults for which an import is refused; nothing is left of it."""
        with pytest.raises(InvalidDataset) as refusal:
            self.take(source, spec)
        assert self.count(Dataset) == self.count(Sample) == 0
        report = refusal.value.details["report"]
        json.dumps(report)
        return [f"{fault['path']} {fault['reason']}" for fault in report["errors"]]

    def count(self, table: type[Base]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def samples(self, dataset: Dataset) -> dict[str, Sample]:
        with self.database.read() as session:
            rows = datasets.samples(session, dataset, after=None, limit=10_000).rows
        return {sample.name: sample for sample in rows}


def faces(**values: Any) -> DatasetSpec:
    return DatasetSpec(
        **{
            "name": "faces",
            "task": Task.FACIAL_EMOTION,
            "modality": Modality.IMAGE,
            "labels": ("anger", "happy"),
            **values,
        }
    )


def draw_faces(folder: Path, count: int = 4) -> Path:
    for index in range(count):
        label = ("anger", "happy")[index % 2]
        drawn.write(folder / label / f"{index}.png", drawn.image(".png", seed=index))
    return folder
