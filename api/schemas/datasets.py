"""Bodies of /v1/datasets."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Body
from core import datasets
from core.bodies.inputs import DatasetBody, DatasetImportedBody
from core.imports.layouts import DatasetDraft
from core.imports.report import ImportReport
from core.media.refs import from_json
from core.rules.pictures import MediaRef
from core.tables import Dataset, Sample
from core.vocabulary import MediaKind

EXAMPLE: dict[str, Any] = {
    "name": "my-faces",
    "task": "facial_emotion",
    "modality": "image",
    "labels": ["anger", "happy"],
}


class DatasetImport(Body):
    """A dataset that the service reads from where it is."""

    spec: DatasetDraft
    source: str = Field(
        max_length=4000,
        description="`file:///…`: a folder, manifest or archive below one of the import roots",
    )
    skip_faulty: bool = Field(
        default=False,
        description="Import the good samples, and report the others, instead of nothing",
    )


class DatasetOut(DatasetBody):
    """One version of a dataset."""

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Return a version as it is shown."""
        return cls.model_validate(_shown(dataset))


class DatasetImported(DatasetImportedBody):
    """A version that has just been imported, and what the import found."""

    @classmethod
    def made(cls, dataset: Dataset, report: ImportReport) -> Self:
        """Return a version with the report of its import."""
        return cls.model_validate({**_shown(dataset), "report": report})


class MediumOut(BaseModel):
    """A medium of a sample."""

    model_config = ConfigDict(from_attributes=True)

    kind: MediaKind
    format: str = Field(description="What the bytes are: jpeg, png, mp4 …")
    width: int
    height: int
    size: int = Field(description="Bytes")
    frames: int | None = Field(description="Of a video: how many it has")
    digest: str = Field(description="SHA-256 of the file")


class SampleOut(BaseModel):
    """One input and its target."""

    id: int
    name: str
    target: str | float = Field(description="A label, or a number")
    text: str | None
    media: list[MediumOut] = Field(
        description="One image, one video, or the frames of one; GET …/media?index= gives each"
    )

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """Return a sample as it is shown."""
        target = sample.target_number if sample.target is None else sample.target
        media: tuple[MediaRef, ...] = from_json(sample.media)
        return cls.model_validate(
            {
                "id": sample.id,
                "name": sample.name,
                "target": target,
                "text": sample.text,
                "media": media,
            }
        )


def _shown(dataset: Dataset) -> dict[str, Any]:
    return {
        **dataset.spec,
        "version": datasets.version(dataset),
        "digest": dataset.digest,
        "samples": dataset.sample_count,
        "imported_at": dataset.imported_at,
    }
