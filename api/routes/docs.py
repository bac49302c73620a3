"""The API's documentation as a page that loads nothing from any other host."""

from html import escape
from importlib.resources import as_file, files
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from api.pages.assets import asset_url
from core.errors import NotFound

router = APIRouter(include_in_schema=False)

with as_file(files("fastapi_swagger")) as _package:
    RESOURCES = Path(_package) / "resources"

SCRIPT, STYLE, ICON = "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gerbench API</title>
<link rel="stylesheet" href="{root}/docs/{style}">
<link rel="icon" href="{root}/docs/{icon}">
</head>
<body>
<div id="swagger-ui" data-openapi="{root}/openapi.json"></div>
<script src="{root}/docs/{script}"></script>
<script src="{root}{start}"></script>
</body>
</html>
"""
"""Without a script in it, which a browser would have to be told to trust."""


@router.get("/docs")
def get_docs(request: Request) -> HTMLResponse:
    """Return the page."""
    page = PAGE.format(
        root=escape(request.scope.get("root_path", "")),
        style=STYLE,
        icon=ICON,
        script=SCRIPT,
        start=asset_url("docs.js"),
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


@router.get("/docs/{name}")
def get_docs_file(name: str) -> FileResponse:
    """Return a file that the page needs."""
    if name not in {SCRIPT, STYLE, ICON}:
        raise NotFound(f"the documentation has no file {name!r}; it is at /docs")
    return FileResponse(RESOURCES / name)
