"""Datasets: imported whole or not at all, and versioned by what is in them."""

from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import builtin, paging
from core.access import team_of
from core.errors import InvalidDataset, InvalidInput, NotFound
from core.imports.archive import ArchiveLimits
from core.imports.checking import stage
from core.imports.layouts import DatasetDraft, complete, opened
from core.imports.report import ImportReport
from core.imports.staging import Staging
from core.media.refs import from_json
from core.media.store import MediaStore
from core.rules.pictures import MediaRef
from core.rules.specs import DatasetSpec
from core.tables import Dataset, Sample

CHUNK = 2000
"""Samples inserted with one statement."""
SHORT = 12
"""Digits of a digest that people are shown."""


def import_dataset(
    session: Session,
    store: MediaStore,
    spec: DatasetSpec | DatasetDraft,
    source: Path | BinaryIO,
    now: datetime,
    *,
    skip_faulty: bool = False,
    limits: ArchiveLimits | None = None,
    scratch: Path | None = None,
) -> tuple[Dataset, ImportReport]:
    """Import a folder, a manifest or an archive; the same content twice is one version.

    All is read and checked before the session is first used, so a long import holds no
    transaction. Media are stored on the way: those of an import that fails are found again
    by the next one. Unless faulty samples are to be skipped, one fault refuses the whole.
    """
    draft = spec if isinstance(spec, DatasetDraft) else DatasetDraft(**spec.model_dump())
    draft = builtin.completed(draft)
    report = ImportReport()
    with opened(source, draft, limits, scratch) as layout, Staging() as staging:
        spec = complete(draft, layout, report)
        stage(layout, spec, store, staging, report)
        refuse_faulty(report, skip_faulty=skip_faulty)
        dataset, report.new = write(session, spec, staging, now, team_id=team_of(session))
    return dataset, report


def get(session: Session, reference: str) -> Dataset:
    """Return the version `name@digest`, of whose digest a beginning is enough, or the newest.

    By name alone, a version that jobs can run over comes before those of published predictions.
    A team and everyone may have the same version: then the team's own is meant.
    """
    name, _, digest = reference.partition("@")
    found = session.scalars(
        select(Dataset)
        .where(Dataset.name == name, Dataset.digest.startswith(digest.lower(), autoescape=True))
        .order_by(
            Dataset.published, Dataset.team_id.is_(None), Dataset.imported_at.desc(), Dataset.id
        )
        .limit(3)
    ).all()
    if not found:
        raise NotFound(_what_exists(session, reference, name))
    if digest and len({version.digest for version in found}) > 1:
        raise InvalidInput(f"several versions of {name} begin with {digest}: give more digits")
    return found[0]


def page(session: Session, *, after: paging.Key | None, limit: int) -> paging.Slice[Dataset]:
    """Return a page of the versions there are, by name and digest."""
    order = [Dataset.name, Dataset.digest, Dataset.id]
    return paging.fetch(session, select(Dataset), order, after=after, limit=limit)


def samples(
    session: Session, dataset: Dataset, *, after: paging.Key | None, limit: int
) -> paging.Slice[Sample]:
    """Return a page of samples in the order of their ids, which is that of their names."""
    query = select(Sample).where(Sample.dataset_id == dataset.id)
    return paging.fetch(session, query, [Sample.id], after=after, limit=limit)


def sample_media(session: Session, dataset: Dataset, sample_id: int, index: int = 0) -> MediaRef:
    """Return one of a sample's media."""
    values = session.scalar(
        select(Sample.media).where(Sample.dataset_id == dataset.id, Sample.id == sample_id)
    )
    if values is None:
        raise NotFound(f"{version(dataset)} has no sample {sample_id}")
    media = from_json(values)
    if not 0 <= index < len(media):
        raise NotFound(f"sample {sample_id} has {len(media)} media; they count from 0")
    return media[index]


def version(dataset: Dataset) -> str:
    """Return the name that stands for this very version."""
    return f"{dataset.name}@{dataset.digest[:SHORT]}"


def refuse_faulty(report: ImportReport, *, skip_faulty: bool) -> None:
    """Raise InvalidDataset if nothing is left, or something is wrong that may not be skipped."""
    if report.error_count and not (skip_faulty and report.samples):
        faults = "1 fault" if report.error_count == 1 else f"{report.error_count:,} faults"
        raise InvalidDataset(
            f"nothing was imported: {faults}, the first: {report.errors[0]}. Correct what "
            "`report` lists, or import with skip_faulty to leave these samples out",
            report=report.to_json(),
        )
    if not report.samples:
        raise InvalidDataset("the dataset is empty: it has no samples", report=report.to_json())


def write(
    session: Session,
    spec: DatasetSpec,
    staging: Staging,
    now: datetime,
    *,
    team_id: UUID | None,
    published: bool = False,
) -> tuple[Dataset, bool]:
    """Insert a version with its samples, or mark the one that is there as imported again.

    `team_id` is whose it is; None: everyone's, which whoever imports published labels finds too.
    """
    digest = staging.digest(spec)
    labelled, numbered = staging.counts()
    mine = Dataset.team_id.is_not_distinct_from(team_id)
    if published:
        mine |= Dataset.team_id.is_(None)
    known = _known(session, mine, spec.name, digest)
    if known is None:
        dataset = Dataset(
            id=uuid4(),
            team_id=team_id,
            name=spec.name,
            digest=digest,
            task=spec.task,
            modality=spec.modality,
            spec=spec.model_dump(mode="json"),
            sample_count=labelled + numbered,
            profile=staging.profile().to_json(),
            published=published,
            imported_at=now,
        )
        try:
            with session.begin_nested():
                session.add(dataset)
        except IntegrityError:
            # Another import of the same content was faster.
            known = _known(session, mine, spec.name, digest)
            if known is None:
                raise
        else:
            _insert(session, dataset.id, staging)
            return dataset, True
    if known.team_id == team_id:
        known.imported_at = now
    return known, False


def _known(session: Session, mine: ColumnElement[bool], name: str, digest: str) -> Dataset | None:
    """Return this very version; of a team's own and everyone's, the team's own."""
    return session.scalar(
        select(Dataset)
        .where(mine, Dataset.name == name, Dataset.digest == digest)
        .order_by(Dataset.team_id.is_(None))
        .limit(1)
    )


def _insert(session: Session, dataset_id: UUID, staging: Staging) -> None:
    for chunk in staging.chunks(CHUNK):
        rows = [{"dataset_id": dataset_id, **row} for row in chunk]
        session.execute(insert(Sample.__table__), rows)  # type: ignore[arg-type]  # it is a Table


def _what_exists(session: Session, reference: str, name: str) -> str:
    """Return a sentence that says what there is instead."""
    versions = session.scalars(
        select(Dataset)
        .where(Dataset.name == name)
        .order_by(Dataset.imported_at.desc(), Dataset.id)
        .limit(10)
    ).all()
    if versions:
        there = ", ".join(version(dataset) for dataset in versions)
        return f"there is no dataset {reference!r}; of {name} there are {there}"
    names = session.scalars(select(Dataset.name).distinct().order_by(Dataset.name).limit(20)).all()
    if not names:
        return f"there is no dataset {reference!r}; none has been imported yet"
    return f"there is no dataset {reference!r}; there are {', '.join(names)}"
