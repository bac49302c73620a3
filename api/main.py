"""The application."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from api import errors, openapi
from api.deps import authenticate
from api.feeds import Feeds
from api.guard import Guard
from api.pages import assets, signing_in
from api.pages import jobs as job_pages
from api.routes import (
    analyses,
    attempts,
    audits,
    datasets,
    docs,
    events,
    health,
    jobs,
    metrics,
    models,
    runs,
    scrape,
    specs,
    templates,
)
from api.schemas.problem import problems
from api.scrape import Scrape
from core import __version__, keys, logs
from core.db import Database, utc_now
from core.providers.client import ProviderClient
from core.settings import Settings, get_settings
from core.templates import install_builtin

OPEN = (health.router, docs.router, assets.router)
PAGES = (signing_in.router, job_pages.router)
"""For people who are signed in; left out of the API's description."""
SCRAPED = scrape.router
"""At the root, where scrapers look; for holders of a key."""

CLOSED = (
    datasets.router,
    specs.router,
    models.router,
    templates.router,
    jobs.router,
    events.router,
    runs.router,
    audits.router,
    attempts.router,
    metrics.router,
    analyses.router,
)
"""Under /v1, for holders of a key."""


def create_app(
    settings: Settings | None = None, *, nudge: Callable[[], None] = lambda: None
) -> FastAPI:
    """Return the application; its database must have been migrated when it starts.

    `nudge` is called when there is new work, for a worker in the same process to look at once;
    all others find it at their next tick.
    """
    app = FastAPI(
        title="gerbench",
        version=__version__,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
        lifespan=_lifespan,
    )
    app.state.settings = settings or get_settings()
    app.state.nudge = nudge
    app.state.scrape = Scrape()
    app.add_middleware(Guard)
    errors.install(app)
    openapi.install(app)
    for router in (*OPEN, SCRAPED, *PAGES):
        app.include_router(router)
    for router in CLOSED:
        app.include_router(
            router,
            prefix="/v1",
            dependencies=[Depends(authenticate)],
            responses=problems(400, 401, 413, 415, 422),
        )
    return app


def end_streams(app: FastAPI) -> None:
    """End every live stream of an application that runs; from any thread, ahead of its server."""
    cast("Feeds", app.state.feeds).stop()


def _name(route: APIRoute) -> str:
    """Return an operation's id: the name of its function."""
    return route.name


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    logs.configure()
    database, client, feeds = Database.at(settings.database), ProviderClient(), Feeds()
    try:
        await run_in_threadpool(_prepare, database, settings)
        app.state.database = database
        app.state.provider_client = client
        app.state.feeds = feeds
        yield
    finally:
        await feeds.aclose()
        await client.aclose()
        database.close()


def _prepare(database: Database, settings: Settings) -> None:
    """Write what every service has in its database: the admin's key, the built-in templates."""
    now = utc_now()
    if settings.admin_key is None:
        keys.ensure_admin_key(database, settings.data, now=now)
    with database.write.begin() as session:
        if settings.admin_key is not None:
            keys.register(session, keys.ADMIN, settings.admin_key.get_secret_value(), now=now)
        install_builtin(session, now=now)
