"""The doctor's look at the settings, and at the files of the data folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from core import keys, vault
from core.rules import checkups
from core.rules.checkups import SETTINGS, Mode
from core.rules.findings import Finding
from core.settings import Settings

PREFIX = "GERBENCH_"
FOREIGN = frozenset({"GERBENCH_URL", "GERBENCH_API_KEY", "GERBENCH_LISTEN"})
"""Variables of the command line and of the compose file, which are no settings of a process."""
TESTS = ("GERBENCH_TEST_", "GERBENCH_CHAOS")


def read(data: Path | None) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, or None and why they cannot be read; never a value of them."""
    try:
        return Settings() if data is None else Settings(data=data), []
    except ValidationError as error:
        faults = error.errors(include_input=False, include_context=False, include_url=False)
        return None, [_fault(fault["loc"], fault["msg"]) for fault in faults]


def _fault(place: tuple[int | str, ...], why: str) -> Finding:
    name = f"{PREFIX}{place[0]}".upper() if place else PREFIX
    return SETTINGS.failed(name, why, f"Correct {name} or unset it: no process starts like this.")


def look(settings: Settings) -> Iterator[Finding]:
    """Judge the settings that are set, how they go together, and the private files."""
    fields = Settings.model_fields
    known = {f"{PREFIX}{name.upper()}": shown(getattr(settings, name)) for name in fields}
    names = {name for name in os.environ if name.startswith(PREFIX)}
    yield from checkups.variables(
        {name for name in names if not name.startswith(TESTS)}, known, FOREIGN
    )
    yield from checkups.mode(
        Mode(
            database=settings.database_url is not None,
            broker=settings.broker_url is not None,
            media=settings.media_url is not None,
            secret=settings.secret_key is not None,
        )
    )
    yield from _addresses(settings)
    for root in settings.import_roots:
        if not root.is_dir():
            yield SETTINGS.warning(
                "GERBENCH_IMPORT_ROOTS",
                f"{root} is no folder",
                "Make it, or leave it out of GERBENCH_IMPORT_ROOTS.",
            )
    yield from _files(settings.data)


def shown(value: Any) -> str:
    """Return a setting as it may be shown: of a URL no password, of a secret nothing."""
    if not isinstance(value, SecretStr):
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    try:
        return make_url(value.get_secret_value()).render_as_string(hide_password=True)
    except ArgumentError:
        return "set"


def _addresses(settings: Settings) -> Iterator[Finding]:
    """Judge what only a look at a URL tells."""
    scheme = settings.broker.partition("://")[0]
    if scheme not in {"memory", "redis", "rediss", "valkey"}:
        yield SETTINGS.failed(
            "GERBENCH_BROKER_URL",
            f"{scheme}:// is no broker that the limits can be kept in",
            "Set it to redis://HOST:6379/0 (or rediss://, valkey://).",
        )


def _files(folder: Path) -> Iterator[Finding]:
    """Judge the data folder, and who may read the secrets in it."""
    if not folder.exists():
        yield SETTINGS.ok("data folder", f"{folder} is made at the first start")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield SETTINGS.failed(
            "data folder",
            f"{folder} cannot be written by this user",
            f"Run `chown` on {folder}, or choose another with GERBENCH_DATA.",
        )
        return
    yield SETTINGS.ok("data folder", str(folder.absolute()))
    for name in (keys.ADMIN_FILE, vault.KEY_FILE):
        if (file := folder / name).exists():
            yield checkups.private_file(str(file), file.stat().st_mode)
