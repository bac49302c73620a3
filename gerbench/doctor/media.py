"""The doctor's look at the media store."""

import secrets
import shutil
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from core.db import Database
from core.media.refs import from_json
from core.media.store import MediaStore
from core.rules import checkups
from core.rules.findings import Finding, Part
from core.settings import Settings
from core.tables import Dataset, Sample

MEDIA = Part("media")
DATASETS = 5
"""Of how many datasets a medium is looked for."""


def look(settings: Settings, reached: Sequence[Database]) -> Iterator[Finding]:
    """Write, read and remove a file, and look for what the database names."""
    where = settings.media
    folder = settings.data / "media"
    if settings.media_url is None and not folder.exists():
        yield MEDIA.ok("store", f"{folder} is made at the first import")
        return
    try:
        store = MediaStore(where)
        if store.folder is not None and not store.folder.exists():
            yield MEDIA.failed(
                "store",
                f"there is no folder {store.folder}",
                "Mount it or make it: GERBENCH_MEDIA_URL names it.",
            )
            return
        _probe(store)
        yield MEDIA.ok("store", f"{where}: a file was written, read and removed")
        if store.folder is not None:
            usage = shutil.disk_usage(store.folder)
            yield checkups.disk(MEDIA, "disk of the media", usage.free, usage.total)
        for database in reached:
            yield from _named(database, store)
    except Exception as error:  # noqa: BLE001 - stores behind fsspec raise errors of their own
        yield MEDIA.failed(
            "store",
            f"{where}: {type(error).__name__}: {error}",
            "pip install 'gerbench[s3]'"
            if isinstance(error, ImportError)
            else "See that GERBENCH_MEDIA_URL names it, and what its credentials may do.",
        )


def _probe(store: MediaStore) -> None:
    """Write, read and remove bytes, beside what is prepared."""
    key, data = secrets.token_hex(32), secrets.token_bytes(64)
    store.put_prepared(key, data)
    try:
        if store.get_prepared(key) != data:
            raise OSError("what was written is not what was read")
    finally:
        store.remove_prepared(key)


def _named(database: Database, store: MediaStore) -> Iterator[Finding]:
    """Judge whether the store is the one that the database was filled with."""
    missing, present = [], 0
    with database.read() as session:
        newest = session.scalars(
            select(Dataset)
            .where(~Dataset.published)
            .order_by(Dataset.imported_at.desc())
            .limit(DATASETS)
        )
        for dataset in newest.all():
            media = session.scalar(
                select(Sample.media)
                .where(Sample.dataset_id == dataset.id)
                .order_by(Sample.id)
                .limit(1)
            )
            for ref in from_json(media or ())[:1]:
                if store.exists(ref.digest):
                    present += 1
                else:
                    missing.append(dataset.name)
    if missing:
        yield MEDIA.failed(
            "of datasets",
            f"not in this store: media of {', '.join(missing)}",
            "Point GERBENCH_MEDIA_URL to the store that they were imported into, or import again.",
        )
    elif present:
        yield MEDIA.ok("of datasets", f"there, of the {present} newest datasets with media")
