"""The application."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import structlog
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from api import errors, openapi, rules
from api.crowds import Crowds
from api.etags import Etags
from api.feeds import Feeds
from api.guard import Guard
from api.keyring import Keyring
from api.pages import analyses as analysis_pages
from api.pages import assets, imports, inputs, shared, signing_in, wordings
from api.pages import cases as case_pages
from api.pages import compare as compare_pages
from api.pages import dashboards as dashboard_pages
from api.pages import jobs as job_pages
from api.pages import runs as run_pages
from api.pages import team as team_pages
from api.pages import webhooks as webhook_pages
from api.requestlog import RequestLog
from api.routes import (
    analyses,
    attempts,
    audit,
    audits,
    dashboards,
    datasets,
    docs,
    events,
    exports,
    health,
    job_deliveries,
    jobs,
    metrics,
    models,
    runs,
    scrape,
    specs,
    templates,
    webhooks,
)
from api.routes import (
    keys as key_routes,
)
from api.routes import (
    teams as team_routes,
)
from api.schemas.problem import problems
from api.scrape import Scrape
from api.shields import Shields
from api.traced import Traced
from core import __version__, keys, logs, teams
from core.db import Database, utc_now
from core.providers.client import ProviderClients
from core.settings import Settings, get_settings
from core.templates import install_builtin
from core.traces import of_process
from core.vault import Vault

OPEN = (health.router, docs.router, assets.router, signing_in.router, shared.router)
PAGES = (
    job_pages.router,
    run_pages.router,
    case_pages.router,
    analysis_pages.router,
    imports.router,
    compare_pages.router,
    dashboard_pages.router,
    inputs.router,
    wordings.router,
    team_pages.router,
    webhook_pages.router,
)
"""For people who are signed in; beside each page stands who may open it."""
SCRAPED = scrape.router
"""At the root, where scrapers look; for operators and holders of a key of its own."""

CLOSED = (
    datasets.router,
    specs.router,
    models.router,
    templates.router,
    jobs.router,
    job_deliveries.router,
    events.router,
    exports.router,
    runs.router,
    audits.router,
    attempts.router,
    metrics.router,
    analyses.router,
    dashboards.router,
    key_routes.router,
    webhooks.router,
    team_routes.router,
    audit.router,
)
"""Under /v1, for holders of a key; beside each route stands who may call it."""

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's own would tell addresses, of which one signs in whoever opens it, and exceptions in
full; `api.traced` tells neither."""

USES_S = 60.0
"""Between writes of when keys were last used."""

log = structlog.get_logger(__name__)


def create_app(
    settings: Settings | None = None, *, nudge: Callable[[], None] = lambda: None
) -> FastAPI:
    """Return the application; its database must have been migrated when it starts.

    `nudge` is called when there is new work, for a worker to look at once. It must return at once
    and may come to nothing: the next tick finds the same work.
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
        telemetry=NO_TELEMETRY,
    )
    app.state.settings = settings or get_settings()
    app.state.nudge = nudge
    app.state.vault = Vault.of(app.state.settings)
    app.state.scrape = Scrape()
    app.add_middleware(Crowds)
    app.add_middleware(Guard)
    app.add_middleware(Etags)
    app.add_middleware(Shields)
    if (traces := of_process()).on:
        app.add_middleware(Traced, traces=traces)
    app.add_middleware(RequestLog)
    errors.install(app)
    openapi.install(app)
    for router in (*OPEN, SCRAPED):
        app.include_router(router)
    closed = [Depends(rules.refuse_without_rule)]
    for router in PAGES:
        app.include_router(router, dependencies=closed)
    for router in CLOSED:
        app.include_router(
            router,
            prefix="/v1",
            dependencies=closed,
            responses=problems(400, 401, 403, 413, 415, 422),
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
    logs.configure(form=settings.logs_as, level=settings.logs_from)
    database, feeds = Database.at(settings.database), Feeds()
    clients = ProviderClients(settings.private_networks)
    try:
        await run_in_threadpool(_prepare, database, settings)
        app.state.database = database
        app.state.provider_clients = clients
        app.state.feeds = feeds
        app.state.keyring = keyring = Keyring(database)
        async with asyncio.TaskGroup() as background:
            writing = background.create_task(_keep_writing_uses(keyring))
            background.create_task(run_in_threadpool(_work_out_routes, app))
            yield
            writing.cancel()
        await run_in_threadpool(_write_uses, keyring)
    finally:
        await feeds.aclose()
        await clients.aclose()
        database.close()


def _work_out_routes(app: FastAPI) -> None:
    """Let FastAPI do now what it leaves to the first request, which would wait 0.3 s for it.

    A request that comes meanwhile waits for the routers that are not done yet.
    """
    nowhere: Scope = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
    for route in app.router.routes:
        route.matches(nowhere)


async def _keep_writing_uses(keyring: Keyring) -> None:
    """Write when keys were last used, once a minute, for as long as the application runs."""
    while True:
        await asyncio.sleep(USES_S)
        await run_in_threadpool(_write_uses, keyring)


def _write_uses(keyring: Keyring) -> None:
    """Write when keys were last used; a database that does not answer costs these, no more."""
    try:
        keyring.write_uses()
    except SQLAlchemyError as error:
        log.warning("key_uses_not_written", reason=type(error).__name__)


def _prepare(database: Database, settings: Settings) -> None:
    """Write what every service has in its database: the admin's key, the built-in templates."""
    now = utc_now()
    if settings.admin_key is None:
        keys.ensure_admin_key(database, settings.data, now=now)
    with database.write.begin() as session:
        teams.ensure_default(session)
        if settings.admin_key is not None:
            keys.register(session, keys.ADMIN, settings.admin_key.get_secret_value(), now=now)
        install_builtin(session, now=now)
        teams.ensure_default(session)
