"""Signing in and out of the pages."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from api import browsers
from api.deps import KeyringDep, WholeDatabaseDep
from api.pages.shell import HEADERS, PageRoute, page, see_other
from core import keys, sign_ins
from core.db import utc_now
from core.errors import Unauthorized

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Next = Annotated[str, Query(alias="next", max_length=2000)]


def own_path(given: str) -> str:
    """Return where to go after signing in: a path of this service, whatever was asked for.

    Browsers read a backslash as a slash, drop tabs and line ends, and take `//host` for a host.
    """
    parts = urlsplit(given)
    plain = given.isprintable() and "\\" not in given
    if plain and given.startswith("/") and not given.startswith("//") and not parts.netloc:
        return given
    return "/"


@router.get("/")
def show_front() -> Response:
    """Begin with the jobs."""
    return see_other("/jobs")


@router.get("/sign-in")
def show_sign_in(request: Request, back: Next = "/") -> Response:
    """Ask for a key."""
    return page(request, "sign_in.html", back=own_path(back), fault=None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    database: WholeDatabaseDep,
    key: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Exchange a key for a session; the key itself is kept nowhere."""
    browsers.refuse_other_sites(request)
    now = utc_now()
    try:
        with database.write.begin() as session:
            found = keys.find(session, keys.digest(key.strip()), now=now)
            token = sign_ins.begin(session, found, now=now)
    except Unauthorized as error:
        return page(request, "sign_in.html", back=own_path(back), fault=str(error))
    return _signed_in(request, token, own_path(back))


@router.get("/sign-in/{link}")
def sign_in_by_link(request: Request, database: WholeDatabaseDep, link: str) -> Response:
    """Exchange a link that is good once for a session."""
    try:
        with database.write.begin() as session:
            token = sign_ins.redeem(session, link, now=utc_now())
    except Unauthorized as error:
        return page(request, "sign_in.html", back="/", fault=str(error))
    return _signed_in(request, token, "/")


@router.post("/sign-out")
def sign_out(request: Request, database: WholeDatabaseDep, keyring: KeyringDep) -> Response:
    """End the session, if there is one."""
    browsers.refuse_other_sites(request)
    with database.write.begin() as session:
        sign_ins.end(session, browsers.token_of(request) or "", now=utc_now())
    keyring.forget()
    response = see_other("/sign-in")
    browsers.forget(request, response)
    return response


def _signed_in(request: Request, token: str, to: str) -> Response:
    response = see_other(to)
    response.headers.update(HEADERS)
    browsers.keep(request, response, token)
    return response
