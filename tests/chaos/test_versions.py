"""A worker of this version at work while the schema moves on, beside one of the next version."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from gerbench.endpoint import EndpointOptions, LocalEndpoint
from migrations import schema
from tests.chaos.invariants import check
from tests.chaos.jobs_under_way import CALLS, LIMITS, SAMPLES
from tests.e2e import jobs
from tests.e2e.cluster import Cluster
from tests.e2e.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NEXT = '''"""Rows have a remark."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"
branch_labels = None
depends_on = None
TABLES = ("runs", "requests", "attempts")


def upgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("remark", sa.Text(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("remark")
'''
REPEATS = 6


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A folder with the revision that comes next."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "next.py").write_text(NEXT.format(head=schema.head()))
    return folder


@contextmanager
def configured(url: str, versions: Path) -> Iterator[Config]:
    """Open a migration that knows the next revision, too."""
    with schema.migrating(url) as connection:
        config = schema.config_of(connection)
        ours = Path(schema.__file__).parent / "versions"
        config.set_main_option("version_locations", f"{ours}:{versions}")
        yield config


def test_a_worker_of_this_version_ends_its_work_beside_one_of_the_next(
    cluster: Cluster, versions: Path
) -> None:
    client, url = cluster.client, cluster.environment["GERBENCH_DATABASE_URL"]
    slow = EndpointOptions(latency_ms=300, concurrency=CALLS)
    with cluster.workers(1) as (older,), LocalEndpoint(slow) as endpoint:
        jobs.name_model(client, endpoint.base_url, "upgraded", limits=LIMITS)
        job = jobs.submit(client, model="upgraded", batch_size=1, repeats=REPEATS)
        jobs.reached(client, job, 0.05)
        with configured(url, versions) as config:
            command.upgrade(config, "head")
        try:
            columns = inspect(cluster.database.engine).get_columns("attempts")
            with cluster.process("worker", through="tests.chaos.ahead") as newer:
                eventually(lambda: {older.pid, newer.pid} <= cluster.owners(), 30)
                job = jobs.ended(client, job)
            job = check(client, job, cluster.database, endpoint.log)
        finally:
            with configured(url, versions) as config:
                command.downgrade(config, schema.head())

    assert "remark" in {column["name"] for column in columns}
    assert (job["status"], job["progress"]["answered"]) == ("completed", REPEATS * SAMPLES)
    assert set(jobs.paid(endpoint.log).values()) == {REPEATS}
