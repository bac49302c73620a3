"""The API's documentation as a page that loads nothing from any other host."""

from importlib.resources import as_file, files
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

from core.errors import NotFound

router = APIRouter(include_in_schema=False)

with as_file(files("fastapi_swagger")) as _package:
    RESOURCES = Path(_package) / "resources"

SCRIPT, STYLE, ICON = "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"

POLICY = (
    "default-src 'self'; img-src 'self' data:;"
    " script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)


@router.get("/docs")
def get_docs(request: Request) -> HTMLResponse:
    """Return the page."""
    root = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=f"{request.app.title} API",
        swagger_js_url=f"{root}/docs/{SCRIPT}",
        swagger_css_url=f"{root}/docs/{STYLE}",
        swagger_favicon_url=f"{root}/docs/{ICON}",
        # Without this, the page asks validator.swagger.io for a badge.
        swagger_ui_parameters={"validatorUrl": None, "persistAuthorization": True},
    )
    page.headers["Content-Security-Policy"] = POLICY
    return page


@router.get("/docs/{name}")
def get_docs_file(name: str) -> FileResponse:
    """Return a file that the page needs."""
    if name not in {SCRIPT, STYLE, ICON}:
        raise NotFound(f"the documentation has no file {name!r}; it is at /docs")
    return FileResponse(RESOURCES / name)
