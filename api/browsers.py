"""What a browser that is signed in sends: its cookie, and where a request came from."""

from fastapi import Request, Response

from core import sign_ins
from core.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(request: Request) -> str:
    """Return the name of the cookie: browsers share cookies among the ports of a host."""
    return f"gerbench_{request.url.port or 'session'}"


def token_of(request: Request) -> str | None:
    """Return the token that a browser sends, if it sends one."""
    return request.cookies.get(cookie_name(request)) or None


def keep(request: Request, response: Response, token: str) -> None:
    """Have the browser keep a token where no script and no other site reaches it."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=int(sign_ins.SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def forget(request: Request, response: Response) -> None:
    """Have the browser forget its token."""
    response.delete_cookie(
        cookie_name(request),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def refuse_other_sites(request: Request) -> None:
    """Raise Forbidden when a request that changes something was not made by a page of ours.

    Browsers say where it came from and let no page change that. A strict cookie alone would let
    in what is served on another port of this host.
    """
    if request.method in SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        ours = site == "same-origin"
    else:
        # Over plain HTTP browsers say less; behind a proxy that keeps Host, this still holds.
        ours = origin == f"{request.url.scheme}://{request.url.netloc}"
    if not ours:
        raise Forbidden("this was sent by another site's page, or none; open the page here instead")
