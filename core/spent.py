"""What models have cost, by the month: read from stored sums, never from attempts."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import paging
from core.rules.budgets import Tally
from core.rules.money import dollars
from core.rules.tables import Column, Table
from core.tables import Model, ModelSpend

COLUMNS = (
    Column("month"),
    Column("model"),
    Column("spent_usd", "money"),
    Column("reserved_usd", "money"),
    Column("attempts", "count"),
)


@dataclass
class Spending:
    """What a model has cost."""

    month: date
    this_month: Tally = field(default_factory=Tally)
    total: Tally = field(default_factory=Tally)
    """Of all months."""


@dataclass(frozen=True)
class MonthOfModel:
    """What a model cost in a month."""

    model: str
    """Its name, also where it is in use no more."""
    month: date
    tally: Tally


def of_models(
    session: Session, model_ids: Collection[UUID], *, month: date
) -> dict[UUID, Spending]:
    """Return what each of some models has cost in a month, and in all."""
    found = {model_id: Spending(month) for model_id in model_ids}
    query = select(ModelSpend).where(ModelSpend.model_id.in_(model_ids))
    for row in session.scalars(query):
        spending = found[row.model_id]
        spending.total += row.tally
        if row.month == month:
            spending.this_month = row.tally
    return found


def page(
    session: Session, *, model: str | None, after: paging.Key | None, limit: int
) -> paging.Slice[MonthOfModel]:
    """Return a page of what the team's models cost in each month, the latest month first."""
    query = select(ModelSpend).join(Model, Model.id == ModelSpend.model_id)
    if model is not None:
        query = query.where(Model.name == model)
    order = [ModelSpend.month, ModelSpend.model_id]
    found = paging.fetch(session, query, order, after=after, limit=limit, newest_first=True)
    ids = {row.model_id for row in found.rows}
    named = select(Model.id, Model.name).where(Model.id.in_(ids))
    names = dict(session.execute(named).all())
    rows = [MonthOfModel(names[row.model_id], row.month, row.tally) for row in found.rows]
    return paging.Slice(rows, found.next_key)


def table(rows: Collection[MonthOfModel]) -> Table:
    """Return months as a table."""
    shown = [
        (
            f"{row.month:%Y-%m}",
            row.model,
            dollars(row.tally.spent),
            dollars(row.tally.reserved),
            row.tally.attempts,
        )
        for row in rows
    ]
    return Table("spend", "Spend by month and model", COLUMNS, shown)
