"""What several queries need that SQLAlchemy has no word for."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.orm import InstrumentedAttribute


def exactly(column: InstrumentedAttribute[Any], value: StrEnum) -> ColumnElement[bool]:
    """Return a condition with its value written into the statement: a partial index is of use.

    PostgreSQL stops looking at values once it has planned a statement for all of them.
    """
    typed = bindparam(None, value, type_=column.expression.type, literal_execute=True)
    return column.expression == typed
