"""Datasets and models as they are answered."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from core.rules.specs import CredentialRef, DatasetSpec, ModelSpec


class FaultOut(BaseModel):
    """One thing that is wrong with a dataset."""

    model_config = ConfigDict(from_attributes=True)

    path: str
    reason: str


class ReportOut(BaseModel):
    """What an import found."""

    model_config = ConfigDict(from_attributes=True)

    samples: int = Field(description="Good samples")
    error_count: int
    errors: list[FaultOut] = Field(description="The first thousand")
    warning_count: int
    warnings: list[FaultOut] = Field(description="The first thousand")


class DatasetBody(DatasetSpec):
    """One version of a dataset."""

    model_config = ConfigDict(extra="ignore")
    """A service may say more than a client knows of."""

    version: str = Field(description="`name@digest`: stands for this version wherever one is named")
    digest: str = Field(description="SHA-256 over the spec and every sample, media included")
    samples: int
    imported_at: datetime


class DatasetImportedBody(DatasetBody):
    """A version that has just been imported, and what the import found."""

    report: ReportOut


class CredentialBody(CredentialRef):
    """Where a secret is read from, and whether one is there now."""

    present: bool = Field(description="Seen from the API's process; workers have their own")


class ModelBody(ModelSpec):
    """A model as it is shown; secrets never are."""

    model_config = ConfigDict(extra="ignore")
    """A service may say more than a client knows of."""

    credentials: tuple[CredentialBody, ...] = ()
    created_at: datetime
