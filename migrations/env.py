"""What Alembic runs for each of its commands."""

from alembic import context
from sqlalchemy import Connection

from core.settings import get_settings
from migrations.schema import migrating, options


def run(connection: Connection) -> None:
    """Run the command in the transaction that is open on a connection."""
    context.configure(connection=connection, **options())
    with context.begin_transaction():
        context.run_migrations()


if given := context.config.attributes.get("connection"):
    run(given)
else:  # called as `alembic …` by a developer
    with migrating(get_settings().database) as opened:
        run(opened)
