"""What all request bodies and pages have in common."""

from collections.abc import Callable
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from api import cursors
from core.paging import Slice

Item = TypeVar("Item")
Row = TypeVar("Row")

Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""What an INTEGER column of PostgreSQL holds; a larger number would fail when it is stored."""
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""What a BIGINT column holds."""


class Body(BaseModel):
    """Base of request bodies: a word that is not known is an error, and so is NaN."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end")

    @classmethod
    def of(cls, part: Slice[Row], item: Callable[[Row], Item]) -> Self:
        """Return a page with one item for each row."""
        cursor = None if part.next_key is None else cursors.write(part.next_key)
        return cls(items=[item(row) for row in part.rows], next_cursor=cursor)
