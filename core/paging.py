"""Keyset paging: the one way in which lists are cut into pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Select, TypeDecorator, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import TypeEngine

from core.errors import InvalidCursor

Row = TypeVar("Row")

Key = Sequence[Any]
"""Where a page ended: the values of the ordering columns, as JSON values or their own types."""

INT32, INT64 = range(-(2**31), 2**31), range(-(2**63), 2**63)


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
        return [_value(value, column.type) for column, value in zip(order, key, strict=True)]
    except ValueError as error:
        raise InvalidCursor("this cursor is of another list; begin again without one") from error


def _value(value: Any, kind: TypeEngine[Any]) -> Any:
    """Return a value that a column can be compared with; raises ValueError where it cannot."""
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    typed = TypeAdapter(kind.python_type).validate_python(value)
    if isinstance(typed, int) and typed not in (INT64 if isinstance(kind, BigInteger) else INT32):
        raise ValueError("out of the column's range")
    if isinstance(typed, datetime) and (typed.tzinfo is None or not MINYEAR < typed.year < MAXYEAR):
        raise ValueError("no moment in UTC")
    if isinstance(typed, str) and "\0" in typed:
        raise ValueError("no text that PostgreSQL stores")
    return typed
