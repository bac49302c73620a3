"""The OpenAPI document, with problems in it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.schemas.datasets import DatasetImport
from api.schemas.events import EndEvent, JobEvent, JobsEvent
from api.schemas.problem import Problem

UNSEEN = (Problem, DatasetImport, JobEvent, JobsEvent, EndEvent)
"""Schemas that routes name without FastAPI seeing them."""

DESCRIPTION = """
Evaluate vision-language models on Generalized Emotion Recognition.

Send `Authorization: Bearer <key>`. Errors are `application/problem+json` with a stable `type` and a
`detail` that says what to do. Lists are paged with `limit` and `cursor`. Times are RFC 3339 in UTC.
Fractions are in [0, 1].
"""

TAGS = [
    {"name": "datasets", "description": "Named, versioned sets of samples."},
    {"name": "models", "description": "Named endpoints and how they may be used."},
    {"name": "templates", "description": "Versioned, immutable prompt templates."},
    {"name": "jobs", "description": "Submissions; each expands into runs."},
    {"name": "runs", "description": "One pass of one model under one condition; and its metrics."},
    {"name": "analyses", "description": "What a selection of runs says together."},
    {"name": "webhooks", "description": "Who is told what happens to jobs."},
    {"name": "dashboards", "description": "Saved views, and read-only links to one of them."},
    {"name": "access", "description": "Keys, teams, and who did what."},
    {"name": "health", "description": "Open to everyone."},
]


def install(app: FastAPI) -> None:
    """Make the application's document hold the schemas that FastAPI does not see."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    _tell_of_tags(document)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in UNSEEN:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    return document


def _tell_of_tags(document: dict[str, Any]) -> None:
    """Say of every GET under /v1 that it may be conditional (`api.etags`)."""
    for path, item in document["paths"].items():
        if path.startswith("/v1/") and "get" in item:
            item["get"]["responses"]["304"] = {
                "description": "`If-None-Match` names the `ETag` of this answer: nothing is new"
            }
