"""What routes are given: the database, the settings, the caller's key, the page asked for."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from hmac import compare_digest
from typing import Annotated, Any, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import browsers, cursors
from api.scrape import Scrape
from core import keys, sign_ins
from core.db import Database, utc_now
from core.errors import Unauthorized
from core.media.store import MediaStore
from core.providers.client import ProviderClient
from core.settings import Settings
from core.tables import ApiKey

MAX_PAGE = 500

bearer = HTTPBearer(auto_error=False, description="An API key, such as the one in `admin.key`")


def get_database(request: Request) -> Database:
    """Return the database of this process."""
    return cast("Database", request.app.state.database)


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


def get_provider_client(request: Request) -> ProviderClient:
    """Return the client that this process calls models with."""
    return cast("ProviderClient", request.app.state.provider_client)


def get_nudge(request: Request) -> Callable[[], None]:
    """Return what to call when a commit made new work."""
    return cast("Callable[[], None]", request.app.state.nudge)


def get_patience(request: Request) -> timedelta:
    """Return how long nothing may be answered in a job before it says why."""
    return timedelta(seconds=get_app_settings(request).stall_s)


def get_scrape(request: Request) -> Scrape:
    """Return what scrapers of this process are given."""
    return cast("Scrape", request.app.state.scrape)


DatabaseDep = Annotated[Database, Depends(get_database)]
NudgeDep = Annotated[Callable[[], None], Depends(get_nudge)]
SettingsDep = Annotated[Settings, Depends(get_app_settings)]
ProviderClientDep = Annotated[ProviderClient, Depends(get_provider_client)]
ScrapeDep = Annotated[Scrape, Depends(get_scrape)]
PatienceDep = Annotated[timedelta, Depends(get_patience)]
MediaStoreDep = Annotated[MediaStore, Depends(get_media_store)]


def authenticate(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    database: DatabaseDep,
) -> ApiKey:
    """Return the key that the caller holds, or with which its browser is signed in."""
    token = browsers.token_of(request)
    if credentials is not None:
        with database.read() as session:
            return keys.authenticate(session, credentials.credentials)
    if token is None:
        raise Unauthorized("send an API key as `Authorization: Bearer <key>`")
    browsers.refuse_other_sites(request)
    with database.read() as session:
        return sign_ins.find(session, token, now=utc_now())


def authenticate_scraper(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    database: DatabaseDep,
    settings: SettingsDep,
) -> None:
    """Let in who holds an API key, or the key that opens the figures alone."""
    own = settings.metrics_key
    if own is not None and credentials is not None:
        given = credentials.credentials.encode(errors="surrogatepass")
        if compare_digest(given, own.get_secret_value().encode()):
            return
    authenticate(request, credentials, database)


KeyDep = Annotated[ApiKey, Depends(authenticate)]


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
