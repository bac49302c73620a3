"""What is evaluated: datasets, samples, models and templates."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId, utc_now, words
from core.tables.teams import OfTeam, OfTeamOrAll
from core.vocabulary import Modality, Task


def everyones(table: str, *columns: str) -> Index:
    """Return what keeps everyone's rows unique: to a constraint each NULL is another team."""
    nobody = text("team_id IS NULL")
    name = f"uq_{table}_everyones"
    return Index(name, *columns, unique=True, postgresql_where=nobody, sqlite_where=nobody)


class Dataset(OfTeamOrAll, Base):
    """One version of a dataset: a name and the digest of all that is in it.

    Everyone's are those that an operator imported published predictions with.
    """

    __tablename__ = "datasets"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over spec, sample names, targets, texts and media digests, hex."""
    task: Mapped[Task] = mapped_column(words(Task))
    modality: Mapped[Modality] = mapped_column(words(Modality))
    spec: Mapped[dict[str, Any]]
    """The `DatasetSpec`, as JSON."""
    sample_count: Mapped[int]
    profile: Mapped[dict[str, Any]]
    """The `Profile` of its samples, as JSON: what quotes are reckoned from."""
    published: Mapped[bool] = mapped_column(default=False)
    """Known by its labels alone, from an import of published predictions; no job can run."""
    imported_at: Mapped[datetime] = mapped_column(default=utc_now)
    """The latest import of this content; the newest version of a name is the current one."""

    __table_args__ = (
        UniqueConstraint("team_id", "name", "digest"),
        everyones("datasets", "name", "digest"),
        CheckConstraint("team_id IS NOT NULL OR published", name="all_see_published_only"),
        CheckConstraint("sample_count > 0", name="not_empty"),
    )


class Sample(Base):
    """One input and its target."""

    __tablename__ = "samples"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(512))
    """The sample's own name in its dataset, as the manifest or the file name gives it."""
    target: Mapped[str | None] = mapped_column(String(100))
    """One of the dataset's labels."""
    target_number: Mapped[float | None] = mapped_column(Float)
    """A numeric target, for datasets whose targets are intensities."""
    text: Mapped[str | None] = mapped_column(Text)
    media: Mapped[list[Any]]
    """`MediaRef`s as JSON: one image, one video, or the frames of one."""

    __table_args__ = (
        UniqueConstraint("dataset_id", "name"),
        CheckConstraint("(target IS NULL) <> (target_number IS NULL)", name="exactly_one_target"),
    )


class Model(OfTeam, Base):
    """A named endpoint. A deleted one stays, for the runs it made."""

    __tablename__ = "models"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64))
    spec: Mapped[dict[str, Any]]
    """The `ModelSpec`, as JSON."""
    sealed: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The secrets that the service keeps for it, encrypted, by their fingerprints."""
    trusted: Mapped[bool] = mapped_column(default=False)
    """Whether an operator named its address: then it is called wherever that is."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_models_name_in_use",
            "team_id",
            "name",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
            sqlite_where=text("deleted_at IS NULL"),
        ),
    )


class Template(OfTeamOrAll, Base):
    """One version of a prompt template; immutable. Everyone's are the built-in ones."""

    __tablename__ = "templates"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    task: Mapped[Task] = mapped_column(words(Task))
    modality: Mapped[Modality] = mapped_column(words(Modality))
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    """Counts from 1 within task, modality and name."""
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        UniqueConstraint("team_id", "task", "modality", "name", "version"),
        everyones("templates", "task", "modality", "name", "version"),
        CheckConstraint("version > 0", name="version_positive"),
    )
