"""The routes of files and batches."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gerbench.endpoint.batches import Batches
from gerbench.endpoint.files import Files
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.wire import WireError

Enter = Callable[[Request], str | None]
Serve = Callable[[Request, str | None], Awaitable[Response]]
PAGE, LONGEST_PAGE = 20, 100


def batch_routes(
    options: EndpointOptions, files: Files, batches: Batches, enter: Enter
) -> list[Route]:
    """Return the routes; `enter` lets a request in and returns its key."""
    lag = options.latency_ms / 1000

    async def upload(request: Request, _: str | None) -> Response:
        made = await files.upload(request)
        # The file is there, though its sender does not know it yet: a real provider's are, too.
        await asyncio.sleep(lag)
        return JSONResponse(made)

    async def create(request: Request, key: str | None) -> Response:
        content = await request.body()
        await asyncio.sleep(lag)
        return JSONResponse(batches.create(content, key))

    async def list_batches(request: Request, _: str | None) -> Response:
        query = request.query_params
        asked = query.get("limit", "")
        limit = int(asked) if asked.isdecimal() else PAGE
        return JSONResponse(batches.listed(query.get("after"), min(limit, LONGEST_PAGE)))

    async def show_batch(request: Request, _: str | None) -> Response:
        return JSONResponse(batches.get(request.path_params["id"]))

    async def cancel(request: Request, _: str | None) -> Response:
        return JSONResponse(batches.cancel(request.path_params["id"]))

    async def list_files(_: Request, __: str | None) -> Response:
        return files.listed()

    async def show_file(request: Request, _: str | None) -> Response:
        return files.shown(request)

    async def content(request: Request, _: str | None) -> Response:
        return files.content(request)

    async def delete_file(request: Request, _: str | None) -> Response:
        return files.delete(request)

    served: list[tuple[str, str, Serve]] = [
        ("POST", "/v1/files", upload),
        ("GET", "/v1/files", list_files),
        ("GET", "/v1/files/{id}", show_file),
        ("DELETE", "/v1/files/{id}", delete_file),
        ("GET", "/v1/files/{id}/content", content),
        ("POST", "/v1/batches", create),
        ("GET", "/v1/batches", list_batches),
        ("GET", "/v1/batches/{id}", show_batch),
        ("POST", "/v1/batches/{id}/cancel", cancel),
    ]
    return [Route(path, _guarded(serve, enter), methods=[method]) for method, path, serve in served]


def _guarded(serve: Serve, enter: Enter) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that lets only known keys in, and answers errors in the wire's words."""

    async def route(request: Request) -> Response:
        try:
            return await serve(request, enter(request))
        except WireError as error:
            return error.response({})

    return route
