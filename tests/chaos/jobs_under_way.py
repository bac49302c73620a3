"""Jobs of a call for each of the few faces, and when they are well under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.db import Database
from core.settings import Settings
from gerbench.client import Client, Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import Up

SAMPLES = 35
CALLS = 6
"""Calls under way at once."""
LIMITS = {"concurrency": CALLS}
SLOW = EndpointOptions(latency_ms=500, concurrency=CALLS)
"""Turns away what is more than may be under way together."""


@contextmanager
def rows_of(service: Up) -> Iterator[Database]:
    """Open the database of an embedded service beside it."""
    database = Database.at(Settings(data=service.data, database_url=None).database)
    yield database
    database.close()


def begun(client: Client, endpoint: LocalEndpoint, model: str, **body: Any) -> Json:
    """Return a job of a call for each sample that is well under way."""
    jobs.name_model(client, endpoint.base_url, model, limits=LIMITS)
    job = jobs.submit(client, model=model, **{"batch_size": 1, **body})
    return jobs.reached(client, job, 0.2)


def due(client: Client, job: Json) -> bool:
    """Tell whether some request of a job waits for a worker."""
    return "due" in _states(client, job)


def leased(client: Client, job: Json) -> bool:
    """Tell whether a worker holds some request of a job."""
    return "leased" in _states(client, job)


def _states(client: Client, job: Json) -> set[str]:
    return {request["state"] for request in jobs.rows(client, job, "requests")}
