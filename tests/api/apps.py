"""Applications that share their routes."""

from fastapi import FastAPI

from api.main import create_app
from core.settings import Settings

_FIRST: list[FastAPI] = []
"""Never started, with all that FastAPI works out about routes at the first request of each."""


def app_of(settings: Settings) -> FastAPI:
    """Return the application as a process has it; to work out its routes takes up to a second."""
    if not _FIRST:
        _FIRST.append(create_app(settings))
    app = create_app(settings)
    app.router.routes[:] = _FIRST[0].router.routes
    app.openapi = _FIRST[0].openapi  # type: ignore[method-assign]  # the way FastAPI documents
    return app
