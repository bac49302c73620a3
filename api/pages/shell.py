"""What every page has: who looks at it, how it is rendered, and what its browser may do with it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.deps import CallerDep, DatabaseDep
from api.errors import status_of
from api.pages import shown
from api.pages.assets import asset_url
from core.access import Caller
from core.db import Database
from core.errors import DomainError, Unauthorized
from core.vocabulary import Role

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

THEMES = frozenset({"light", "dark"})

environment = Environment(
    loader=PackageLoader("api.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(shown.FILTERS)
environment.globals["asset"] = asset_url


@dataclass(frozen=True)
class Visitor:
    """Whoever looks at a page: their key, and what they see of the database."""

    request: Request
    caller: Caller
    database: Database


def visitor(request: Request, caller: CallerDep, database: DatabaseDep) -> Visitor:
    """Return who asks for a page."""
    return Visitor(request, caller, database)


VisitorDep = Annotated[Visitor, Depends(visitor)]


def page(
    request: Request,
    template: str,
    *,
    caller: Caller | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **context: Any,
) -> HTMLResponse:
    """Return a page; without a caller it is one for everybody."""
    theme = request.cookies.get("theme")
    text = environment.get_template(template).render(
        **context,
        caller=caller,
        may_change=caller is not None and caller.role.includes(Role.MEMBER),
        theme=theme if theme in THEMES else "",
        path=request.url.path,
        origin=str(request.base_url).rstrip("/"),
        now=shown.utc_now(),
    )
    return HTMLResponse(text, status, HEADERS)


def shown_to(who: Visitor, template: str, **context: Any) -> HTMLResponse:
    """Return a page for somebody who is signed in."""
    return page(who.request, template, caller=who.caller, **context)


def see_other(url: str) -> RedirectResponse:
    """Send a browser on after a form."""
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, HEADERS)


def never_stored(response: Response) -> Response:
    """Return a page that shows a secret, which no browser may keep."""
    response.headers["Cache-Control"] = "no-store"
    return response


class PageRoute(APIRoute):
    """A route whose failures are pages, too; whoever is not signed in is asked to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            if (tidy := _without_blanks(request)) is not None:
                return see_other(tidy)
            try:
                return await handle(request)
            except Unauthorized:
                return _sign_in_first(request)
            except DomainError as error:
                return _told(request, HTTPStatus(status_of(type(error))), str(error))
            except RequestValidationError as error:
                faults = "; ".join(
                    f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors()
                )
                return _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, faults)

        return handle_or_tell


def _without_blanks(request: Request) -> str | None:
    """Return the address without the fields that a form left empty; None if it has none such."""
    given = parse_qsl(request.url.query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if value.strip()]
    if request.method != "GET" or len(kept) == len(given):
        return None
    return f"{request.url.path}?{urlencode(kept)}" if kept else request.url.path


def _sign_in_first(request: Request) -> Response:
    """Ask somebody to sign in, and bring them back here.

    A strict cookie does not come with the first step from another site, such as a link in a chat;
    the page that asks again from here does send it.
    """
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        return page(request, "again.html", url=_own_url(request))
    back = _own_url(request) if request.method == "GET" else "/"
    return see_other(f"/sign-in?{urlencode({'next': back})}")


def _own_url(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _told(request: Request, status: HTTPStatus, detail: str) -> HTMLResponse:
    return page(request, "error.html", status=status, title=status.phrase, detail=detail)
