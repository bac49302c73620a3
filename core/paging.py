"""Keyset paging: the one way in which lists are cut into pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.errors import InvalidCursor

Row = TypeVar("Row")

Key = Sequence[Any]
"""Where a page ended: the values of the ordering columns, as JSON values or their own types."""

INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """One page of rows, and the key of the last of them if there are more."""

    rows: Sequence[Row]
    next_key: Key | None = None


def fetch(
    session: Session,
    query: Select[Row],
    order: Sequence[InstrumentedAttribute[Any]],
    *,
    after: Key | None,
    limit: int,
    newest_first: bool = False,
) -> Slice[Row]:
    """Return the rows that come after a key; `order` must be attributes unique together."""
    place = tuple_(*order)
    if after is not None:
        values = tuple_(*_typed(after, order), types=[column.type for column in order])
        query = query.where(place < values if newest_first else place > values)
    query = query.order_by(*(column.desc() if newest_first else column for column in order))
    rows = session.scalars(query.limit(limit + 1)).all()
    if len(rows) <= limit:
        return Slice(rows)
    last = rows[limit - 1]
    return Slice(rows[:limit], [getattr(last, column.key) for column in order])


def _typed(key: Key, order: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    """Return a key's values as the columns' types, or refuse what no page can have ended with."""
    try:
        values = [
            TypeAdapter(column.type.python_type).validate_python(value)
            for column, value in zip(order, key, strict=True)
        ]
    except (ValidationError, ValueError):
        values = [None]
    if any(_unstorable(value) for value in values):
        raise InvalidCursor("this cursor is of another list; begin again without one")
    return values


def _unstorable(value: Any) -> bool:
    """Tell whether a database would choke on a value that somebody else made up."""
    if isinstance(value, str):
        return "\0" in value
    return value is None or (isinstance(value, int) and value not in INT64)
