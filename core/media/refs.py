"""Media references as the database keeps them."""

from collections.abc import Iterable
from typing import Any

from core.rules.pictures import MediaRef
from core.vocabulary import MediaKind


def to_json(media: Iterable[MediaRef]) -> list[dict[str, Any]]:
    """Return references as JSON values."""
    return [{**vars(ref)} for ref in media]


def from_json(values: Iterable[dict[str, Any]]) -> tuple[MediaRef, ...]:
    """Return the references that `to_json` wrote."""
    return tuple(MediaRef(**{**value, "kind": MediaKind(value["kind"])}) for value in values)
