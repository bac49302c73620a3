"""The files that pages load, under an address that changes with their content."""

from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, Response

from core.errors import NotFound

router = APIRouter(prefix="/static", include_in_schema=False)

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FILES = {
    each.name: each.read_bytes()
    for each in sorted((files("api.pages") / "static").iterdir(), key=lambda file: file.name)
    if each.name.endswith(tuple(TYPES))
}
VERSION = sha256(b"".join(FILES.values())).hexdigest()[:12]
"""Of all of them together, since modules load each other by relative addresses."""


def asset_url(name: str) -> str:
    """Return the address of a file. Raises KeyError for one that there is not."""
    return f"/static/{VERSION}/{FILES[name] and name}"


@router.get("/{version}/{name}")
async def get_asset(version: str, name: str) -> Response:
    """Return a file; whoever has its address need never ask again."""
    if version != VERSION or name not in FILES:
        raise NotFound(f"no file {name!r} of this version; reload the page that asked for it")
    kind = next(TYPES[end] for end in TYPES if name.endswith(end))
    head = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(FILES[name], media_type=kind, headers=head)
