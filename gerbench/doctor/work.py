"""The doctor's look at who works, and at the secrets that the work takes."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import __version__, workers
from core.db import Database, utc_now
from core.errors import MissingCredential
from core.models import DeclaredModel
from core.rules import checkups
from core.rules.checkups import Sign
from core.rules.findings import Finding, Part
from core.settings import Settings
from core.tables import Model, Worker
from core.vault import Vault

MODELS = Part("models")


def look(settings: Settings, reached: Sequence[Database]) -> Iterator[Finding]:
    """Judge the models' secrets and the workers, as far as the database tells."""
    for database in reached:
        with database.read() as session:
            yield from _credentials(session, Vault.of(settings))
            signs = [_sign(worker) for worker in workers.known(session)]
        yield from checkups.workers(signs, __version__, now=utc_now())
    yield _spool(settings.spool)


def _sign(worker: Worker) -> Sign:
    return Sign(worker.owner, worker.version, worker.seen_at, worker.stopped_at, worker.ticked_at)


def _credentials(session: Session, vault: Vault) -> Iterator[Finding]:
    """Judge each secret once, with the models that name it."""
    found: dict[str, MissingCredential | None] = {}
    users: dict[str, list[str]] = {}
    for model in session.scalars(select(Model).where(Model.deleted_at.is_(None))):
        declared = DeclaredModel.of(model)
        for ref in declared.credentials:
            users.setdefault(ref.key, []).append(model.name)
            if ref.key not in found:
                try:
                    vault.resolve(ref, declared.sealed)
                except MissingCredential as error:
                    found[ref.key] = error
                else:
                    found[ref.key] = None
    for key, missing in sorted(found.items(), key=lambda each: each[0]):
        names = ", ".join(sorted(set(users[key])))
        if missing is None:
            yield MODELS.ok(key, f"is there (for {names})")
        elif key.startswith("stored:"):
            yield MODELS.failed(key, f"cannot be opened (for {names})", f"{missing}.")
        else:
            yield MODELS.warning(
                key,
                f"not in reach of this process (for {names})",
                f"{missing}. If the workers run elsewhere, run `gerbench doctor` there.",
            )


def _spool(folder: Path) -> Finding:
    """Judge the replies that wait on disk."""
    files = list(folder.iterdir()) if folder.is_dir() else []
    unread = sum(file.suffix == ".unread" for file in files)
    waiting = [file for file in files if file.suffix == ".jsonl"]
    oldest = min((file.stat().st_mtime for file in waiting), default=utc_now().timestamp())
    age = timedelta(seconds=max(0.0, utc_now().timestamp() - oldest))
    return checkups.spool(unread, len(waiting), age)
