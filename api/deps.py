"""What routes are given: the database, the settings, the caller's key, the page asked for."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cache
from hmac import compare_digest
from typing import Annotated, Any, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from api import browsers, cursors
from api.keyring import Keyring, Known
from api.scrape import Scrape
from core import keys, sign_ins
from core.access import Caller, require_operator
from core.admission import Bounds
from core.db import Database, utc_now
from core.errors import Unauthorized
from core.media.store import MediaStore
from core.providers.client import ProviderClients
from core.settings import Settings
from core.vault import Vault

MAX_PAGE = 500

StillGood = Callable[[], Awaitable[bool]]
"""Tells whether a key that was good when a request came still is."""

bearer = HTTPBearer(auto_error=False, description="An API key, such as the one in `admin.key`")


def get_app_settings(request: Request) -> Settings:
    """Return the settings that the application was made with."""
    return cast("Settings", request.app.state.settings)


@cache
def open_media_store(url: str) -> MediaStore:
    """Return the store at a URL, opened when it is first asked for."""
    return MediaStore(url)


def get_media_store(request: Request) -> MediaStore:
    """Return the media store of this process."""
    return open_media_store(get_app_settings(request).media)


def get_provider_clients(request: Request) -> ProviderClients:
    """Return the clients that this process calls models with."""
    return cast("ProviderClients", request.app.state.provider_clients)


def get_vault(request: Request) -> Vault:
    """Return what keeps secrets in this process."""
    return cast("Vault", request.app.state.vault)


def get_bounds(request: Request) -> Bounds:
    """Return what the operator allows everybody to declare."""
    return Bounds.of(get_app_settings(request))


def get_nudge(request: Request) -> Callable[[], None]:
    """Return what to call when a commit made new work."""
    return cast("Callable[[], None]", request.app.state.nudge)


def get_patience(request: Request) -> timedelta:
    """Return how long nothing may be answered in a job before it says why."""
    return timedelta(seconds=get_app_settings(request).stall_s)


def get_scrape(request: Request) -> Scrape:
    """Return what scrapers of this process are given."""
    return cast("Scrape", request.app.state.scrape)


NudgeDep = Annotated[Callable[[], None], Depends(get_nudge)]
SettingsDep = Annotated[Settings, Depends(get_app_settings)]
ProviderClientsDep = Annotated[ProviderClients, Depends(get_provider_clients)]
VaultDep = Annotated[Vault, Depends(get_vault)]
BoundsDep = Annotated[Bounds, Depends(get_bounds)]
ScrapeDep = Annotated[Scrape, Depends(get_scrape)]
PatienceDep = Annotated[timedelta, Depends(get_patience)]
MediaStoreDep = Annotated[MediaStore, Depends(get_media_store)]


def get_keyring(request: Request) -> Keyring:
    """Return what recognises keys in this process."""
    return cast("Keyring", request.app.state.keyring)


async def authenticate(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Known:
    """Return the key that the caller holds, or that its browser is signed in with.

    One that was looked up just now costs nothing.
    """
    keyring, token, now = get_keyring(request), browsers.token_of(request), utc_now()
    if credentials is not None:
        secret, find = credentials.credentials, keys.find
    elif token is not None:
        browsers.refuse_other_sites(request)
        secret, find = token, sign_ins.find
    else:
        raise Unauthorized("send an API key as `Authorization: Bearer <key>`")
    known = keyring.remembered(secret, now=now)
    if known is not None:
        return known
    return await run_in_threadpool(keyring.recognise, secret, find, now=now)


KnownDep = Annotated[Known, Depends(authenticate)]


async def get_still_good(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> StillGood:
    """Return what tells, long after a request has come, whether its key is still good."""

    async def still_good() -> bool:
        try:
            await authenticate(request, credentials)
        except Unauthorized:
            return False
        return True

    return still_good


async def get_caller(known: KnownDep) -> Caller:
    """Return who calls."""
    return known.caller


async def get_database(known: KnownDep) -> Database:
    """Return the database as the caller sees it: without what is other teams'."""
    return known.database


async def get_whole_database(request: Request) -> Database:
    """Return the database with all that is in it, for routes that tell nothing of it."""
    return cast("Database", request.app.state.database)


StillGoodDep = Annotated[StillGood, Depends(get_still_good)]
KeyringDep = Annotated[Keyring, Depends(get_keyring)]
CallerDep = Annotated[Caller, Depends(get_caller)]
DatabaseDep = Annotated[Database, Depends(get_database)]
WholeDatabaseDep = Annotated[Database, Depends(get_whole_database)]


async def authenticate_scraper(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    settings: SettingsDep,
) -> None:
    """Let in operators, since the figures are of all teams, and the key that opens them alone."""
    own = settings.metrics_key
    if own is not None and credentials is not None:
        given = credentials.credentials.encode(errors="surrogatepass")
        if compare_digest(given, own.get_secret_value().encode()):
            return
    known = await authenticate(request, credentials)
    require_operator(known.caller, "to read the figures of all teams")


class PageRequest:
    """Which part of a list is asked for."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Items on a page")] = 50,
        cursor: Annotated[
            str | None, Query(max_length=2000, description="`next_cursor` of the page before")
        ] = None,
    ) -> None:
        self.limit = limit
        self.after: list[Any] | None = None if cursor is None else cursors.read(cursor)
        """The key of the last row of the page before."""


PageDep = Annotated[PageRequest, Depends()]
