"""What a link shows to whoever has it: one saved view, and nothing else.

These routes ask for no key and look at no cookie. What they read is read as a viewer of the view's
own team, and only by way of the view.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from api.deps import WholeDatabaseDep
from api.errors import status_of
from api.pages.panels import Panels
from api.pages.shell import HEADERS, environment, page
from core import dashboards, links
from core.access import seen_by
from core.db import Database, utc_now
from core.errors import DomainError, InvalidInput, NotFound
from core.links import Opened

Token = Annotated[str, Path(max_length=100)]

PRIVATE = {
    **HEADERS,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Nobody keeps what a link shows, and no other site hears of the link."""
ALONE = {
    **PRIVATE,
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
"""Of a figure, which loads nothing and does nothing."""


class SharedRoute(APIRoute):
    """A route whose failures are one plain page that tells nothing of the service."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            try:
                response = await handle(request)
            except DomainError as error:
                response = _closed(request, HTTPStatus(status_of(type(error))), str(error))
            except RequestValidationError:
                response = _closed(
                    request, HTTPStatus.NOT_FOUND, "there is nothing at this address"
                )
            return response

        return handle_or_tell


router = APIRouter(prefix="/shared", include_in_schema=False, route_class=SharedRoute)


@router.get("/{token}")
def show_shared(
    request: Request, database: WholeDatabaseDep, background: BackgroundTasks, token: Token
) -> Response:
    """Show a saved view, read-only; figures and tables come without what providers said."""
    opened = _opened(database, token)
    response = page(
        request,
        "shared.html",
        name=opened.dashboard.name,
        expires_at=opened.expires_at,
        here=f"/shared/{token}",
        panels=_panels(database, opened, background).shown(verbatim=False),
    )
    response.headers.update(PRIVATE)
    return response


@router.get("/{token}/{number}.svg")
def show_shared_figure(
    database: WholeDatabaseDep,
    background: BackgroundTasks,
    token: Token,
    number: Annotated[int, Path(ge=1, le=1000)],
) -> Response:
    """Return the figure of a panel of the view, by its place from 1."""
    opened = _opened(database, token)
    shown = dashboards.spec_of(opened.dashboard).panels
    if number > len(shown) or not shown[number - 1].figure:
        raise NotFound("there is no such figure in this view")
    try:
        figure = _panels(database, opened, background).figure(shown[number - 1])
    except InvalidInput as error:
        figure = environment.get_template("words.svg").render(words=str(error)).encode()
    return Response(figure, media_type="image/svg+xml", headers=ALONE)


def _opened(database: Database, token: str) -> Opened:
    with database.read() as session:
        return links.open_link(session, token, now=utc_now())


def _panels(database: Database, opened: Opened, background: BackgroundTasks) -> Panels:
    """Return the panels as a viewer of the view's team sees them."""
    seen = seen_by(database, opened.caller)
    return Panels(seen, dashboards.spec_of(opened.dashboard), background)


def _closed(request: Request, status: HTTPStatus, detail: str) -> Response:
    response = page(
        request, "shared_closed.html", status=status, title=status.phrase, detail=detail
    )
    response.headers.update(PRIVATE)
    return response
