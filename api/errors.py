"""Every failure as application/problem+json."""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api.etags import KEEP, NotModified
from api.requestlog import HEADER, named_by
from api.schemas.problem import PROBLEM_JSON
from core.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    InvalidInput,
    MissingCredential,
    NotFound,
    NotReady,
    PreconditionFailed,
    TooLarge,
    Unauthorized,
)

log = structlog.get_logger(__name__)

STATUS: dict[type[DomainError], int] = {
    NotFound: status.HTTP_404_NOT_FOUND,
    Conflict: status.HTTP_409_CONFLICT,
    Gone: status.HTTP_410_GONE,
    PreconditionFailed: status.HTTP_412_PRECONDITION_FAILED,
    InvalidInput: status.HTTP_422_UNPROCESSABLE_CONTENT,
    Unauthorized: status.HTTP_401_UNAUTHORIZED,
    Forbidden: status.HTTP_403_FORBIDDEN,
    TooLarge: status.HTTP_413_CONTENT_TOO_LARGE,
    MissingCredential: status.HTTP_422_UNPROCESSABLE_CONTENT,
    NotReady: status.HTTP_503_SERVICE_UNAVAILABLE,
}

HTTP_PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "the body could not be read; send UTF-8 text in the declared format"),
    404: ("no_such_path", "nothing is served at this path; /docs lists every path"),
    405: ("method_not_allowed", "this path does not take this method; Allow names those it takes"),
    413: ("too_large", "the body is larger than this path takes; send less"),
}
"""What the framework itself raises, in our words."""

DATABASE_AWAY = (
    "the database does not answer or cannot write, as the service's log says; send the request"
    " again later, with an Idempotency-Key where it makes a job"
)
AGAIN_S = 5


class ProblemResponse(JSONResponse):
    """A response in application/problem+json; ASCII, as what it quotes may be no valid Unicode."""

    media_type = PROBLEM_JSON

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, separators=(",", ":")).encode()


def status_of(error: type[DomainError]) -> int:
    """Return the HTTP status of an error: its own, or its nearest ancestor's."""
    return next((STATUS[cls] for cls in error.__mro__ if cls in STATUS), 500)


def problem(code: int, kind: str, detail: str, **members: Any) -> ProblemResponse:
    """Return a problem response; `kind` is the part that programs may rely on."""
    title = kind.replace("_", " ").capitalize()
    body = {
        **members,
        "type": f"/problems/{kind}",
        "title": title,
        "status": code,
        "detail": detail,
    }
    headers = {"WWW-Authenticate": "Bearer"} if code == status.HTTP_401_UNAUTHORIZED else None
    return ProblemResponse(body, code, headers)


def domain_problem(error: DomainError) -> ProblemResponse:
    """Return the problem that an expected failure is."""
    return problem(status_of(type(error)), error.code, str(error), **error.details)


def install(app: FastAPI) -> None:
    """Add the handlers to an application."""

    @app.exception_handler(NotModified)
    async def on_not_modified(request: Request, _: NotModified) -> Response:
        headers = {"ETag": request.state.etag, "Cache-Control": KEEP}
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)

    @app.exception_handler(DomainError)
    async def on_domain_error(_: Request, error: DomainError) -> ProblemResponse:
        return domain_problem(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(
        request: Request, error: RequestValidationError
    ) -> ProblemResponse:
        # GET /templates/preview reaches the route of /templates/{template_id}, as no valid id.
        if request.method not in (_allowed(app, request.url.path) or request.method):
            return await on_http_error(request, HTTPException(status.HTTP_405_METHOD_NOT_ALLOWED))
        return _invalid_request(error)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> ProblemResponse:
        kind, detail = HTTP_PROBLEMS.get(error.status_code, ("http_error", str(error.detail)))
        response = problem(error.status_code, kind, detail)
        response.headers.update(error.headers or {})
        if error.status_code == status.HTTP_405_METHOD_NOT_ALLOWED:
            allowed = ", ".join(_allowed(app, request.url.path))
            response.headers["Allow"] = allowed or response.headers["Allow"]
        return response

    @app.exception_handler(OperationalError)
    async def on_database_away(request: Request, error: OperationalError) -> ProblemResponse:
        log.warning("database_away", **named_by(request.scope), error=str(error.orig))
        response = problem(503, "database_away", DATABASE_AWAY)
        response.headers["Retry-After"] = str(AGAIN_S)
        return response

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> ProblemResponse:
        # The middleware that named the request has been left.
        reference = request.state.request_id
        log.error(
            "unexpected_error", request_id=reference, **named_by(request.scope), exc_info=error
        )
        detail = "this is a fault of the service; give its operator the reference, which is logged"
        response = problem(500, "internal_error", detail, reference=reference)
        response.headers[HEADER] = reference
        return response


def _allowed(app: FastAPI, path: str) -> list[str]:
    """Return the methods of a path; the router only names those of the first route it finds.

    A path without variables goes before one that it would be a value of.
    """
    document = app.openapi()["paths"]
    found = [document[each] for each in document if compile_path(each)[0].match(path)]
    items = [document[path]] if path in document else found
    return sorted({method.upper() for item in items for method in item})


def _invalid_request(error: RequestValidationError) -> ProblemResponse:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        reason, at = faults[0]["ctx"]["error"], faults[0]["loc"][-1]
        detail = f"the body is not JSON: {reason} at character {at}; correct it and send it again"
        return problem(400, "invalid_json", detail)
    if isinstance(error.body, bytes):
        detail = "the body's Content-Type is not JSON; send it as application/json"
        return problem(415, "unsupported_media_type", detail)
    errors = [{"pointer": _pointer(fault["loc"]), "detail": fault["msg"]} for fault in faults]
    first = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in errors[:3])
    detail = f"correct what `errors` lists and send it again ({first})"
    return problem(422, "invalid_request", detail, errors=errors)


def _pointer(place: Sequence[str | int]) -> str:
    """Return a place as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
