"""A job that analyses are over: six samples, two of each class, on each kind of database."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db import Database
from core.tables import Job, Template
from tests import rows

A, H, S = rows.LABELS


@pytest.fixture
def job(database: Database) -> Job:
    """Its dataset's targets are A H S A H S; its own run was never begun."""
    with database.write.begin() as session:
        return rows.job(
            session, rows.dataset(session, 6), rows.model(session), rows.template(session)
        )


def lone_sample(session: Session) -> Job:
    """A job over another dataset, of one sample."""
    dataset = rows.dataset(session, 1, name="lone")
    return rows.job(
        session, dataset, rows.model(session, "other"), session.scalars(select(Template)).one()
    )
