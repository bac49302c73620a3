"""Secrets of providers in variables and files: read at the moment they are used."""

import os
from pathlib import Path

from core.errors import MissingCredential
from core.rules.specs import CredentialRef

MAX_SECRET = 4096
"""Characters; what is longer, or has several lines, is another file than was meant."""


def resolve(ref: CredentialRef) -> str:
    """Return the secret itself; neither log nor store it."""
    if ref.env is not None:
        secret = os.environ.get(ref.env, "").strip()
        remedy = f"set {ref.env} in the environment of the process that calls the model"
    else:
        secret = _read(Path(ref.file or ""))
        remedy = f"write it to {ref.file} where the worker can read it"
    if not secret:
        raise MissingCredential(f"there is no secret at {ref.key}; {remedy}", credential=ref.key)
    if len(secret) > MAX_SECRET or not secret.isprintable():
        raise MissingCredential(
            f"{ref.key} holds more than a secret; it must be one line and nothing else",
            credential=ref.key,
        )
    return secret


def is_present(ref: CredentialRef) -> bool:
    """Tell whether this process could look for the secret; a file is not opened for that."""
    if ref.env is not None:
        return bool(os.environ.get(ref.env, "").strip())
    try:
        return Path(ref.file or "").is_file()
    except OSError:
        return False


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_SECRET + 2).strip()
    except (OSError, ValueError):
        return ""
