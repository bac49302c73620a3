"""Cursors: the key of a page's last row, made opaque."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from pydantic_core import to_jsonable_python

from core.errors import InvalidCursor
from core.paging import Key


def write(key: Key) -> str:
    """Return the cursor of a key."""
    text = json.dumps(to_jsonable_python(list(key)), separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str) -> list[Any]:
    """Return the key of a cursor; its values' types are checked by the list it is used on."""
    try:
        key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, list):
        raise InvalidCursor("this cursor was not given out here; begin again without one")
    return key
